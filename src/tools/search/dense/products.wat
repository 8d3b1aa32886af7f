;; Products of rows of 8-bit numbers with one of 16 bits, which must be such that no sum exceeds 32 bits.
;;
;; `npm run generate` makes `products.generated.ts` of this.
(module
  (import "swirl" "memory" (memory 1))

  ;; Of `rows` rows from the byte `row` on, each of `stride` bytes, a multiple of 16, with the numbers at `query`; the
  ;; sums, of 32 bits, are put to `out` and on.
  (func (export "products")
    (param $row i32) (param $rows i32) (param $stride i32) (param $query i32) (param $out i32)
    (local $at i32) (local $end i32) (local $with i32) (local $bytes v128) (local $sum v128)
    (local.set $at (local.get $row))
    (block $done
      (loop $each
        (br_if $done (i32.eqz (local.get $rows)))
        (local.set $end (i32.add (local.get $at) (local.get $stride)))
        (local.set $with (local.get $query))
        (local.set $sum (v128.const i64x2 0 0))
        (loop $numbers
          (local.set $bytes (v128.load (local.get $at)))
          (local.set $sum (i32x4.add (local.get $sum)
            (i32x4.dot_i16x8_s (i16x8.extend_low_i8x16_s (local.get $bytes)) (v128.load (local.get $with)))))
          (local.set $sum (i32x4.add (local.get $sum)
            (i32x4.dot_i16x8_s
              (i16x8.extend_high_i8x16_s (local.get $bytes))
              (v128.load offset=16 (local.get $with)))))
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (local.set $with (i32.add (local.get $with) (i32.const 32)))
          (br_if $numbers (i32.ne (local.get $at) (local.get $end))))
        (i32.store (local.get $out)
          (i32.add
            (i32.add (i32x4.extract_lane 0 (local.get $sum)) (i32x4.extract_lane 1 (local.get $sum)))
            (i32.add (i32x4.extract_lane 2 (local.get $sum)) (i32x4.extract_lane 3 (local.get $sum)))))
        (local.set $out (i32.add (local.get $out) (i32.const 4)))
        (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
        (br $each))))
)
