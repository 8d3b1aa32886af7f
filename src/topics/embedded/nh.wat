;; The checksum of a log's values: NH (Black, Halevi, Krawczyk, Krovetz and Rogaway, "UMAC", CRYPTO 1999; RFC 4418,
;; 5.2.2) of blocks of 1,024 bytes, joined and finished as XXH64 joins and finishes its lanes. NH multiplies only
;; pairs of 32-bit words, each with a word of the key added: on 128-bit vectors four times as fast as XXH32, whose
;; every step waits for the one before.
;;
;; `npm run generate` makes `nh.generated.ts` of this.
(module
  ;; The key (1,024 bytes); then the bytes to be summed; then room for a stripe of zeros.
  (memory (export "memory") 2)

  ;; The key: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) from 0.
  (func $makeKey
    (local $at i32) (local $state i64) (local $word i64)
    (loop $words
      (local.set $state (i64.add (local.get $state) (i64.const 0x9e3779b97f4a7c15)))
      (local.set $word (local.get $state))
      (local.set $word (i64.mul (i64.const 0xbf58476d1ce4e5b9)
        (i64.xor (local.get $word) (i64.shr_u (local.get $word) (i64.const 30)))))
      (local.set $word (i64.mul (i64.const 0x94d049bb133111eb)
        (i64.xor (local.get $word) (i64.shr_u (local.get $word) (i64.const 27)))))
      (i64.store (local.get $at) (i64.xor (local.get $word) (i64.shr_u (local.get $word) (i64.const 31))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $words (i32.lt_u (local.get $at) (i32.const 1024)))))
  (start $makeKey)

  ;; The checksum of the `length` bytes (up to 65,536) from 1024 on. What they are among, `seed`, is part of it.
  (func (export "sum") (param $length i32) (param $seed i32) (result i32)
    (local $at i32) (local $end i32) (local $blockEnd i32) (local $key i32) (local $hash i64)
    (local $left v128) (local $right v128) (local $low v128) (local $high v128)
    (local.set $at (i32.const 1024))
    (local.set $end (i32.add (i32.const 1024) (local.get $length)))
    ;; The last stripe ends in zeros.
    (v128.store (local.get $end) (v128.const i64x2 0 0))
    (v128.store offset=16 (local.get $end) (v128.const i64x2 0 0))
    (v128.store offset=32 (local.get $end) (v128.const i64x2 0 0))
    (v128.store offset=48 (local.get $end) (v128.const i64x2 0 0))
    (local.set $hash (i64.add
      (i64.extend_i32_u (local.get $seed))
      (i64.mul (i64.extend_i32_u (local.get $length)) (i64.const 0x9e3779b185ebca87))))
    (block $summed
      (loop $blocks
        (br_if $summed (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $blockEnd (i32.add (local.get $at) (i32.const 1024)))
        (if (i32.gt_u (local.get $blockEnd) (local.get $end))
          (then (local.set $blockEnd (local.get $end))))
        (local.set $key (i32.const 0))
        (local.set $low (v128.const i64x2 0 0))
        (local.set $high (v128.const i64x2 0 0))
        ;; NH of the block: in each stripe of 64 bytes word i is paired with word i + 4, of 0 to 3 and of 8 to 11.
        (loop $stripes
          (local.set $left (i32x4.add (v128.load (local.get $at)) (v128.load (local.get $key))))
          (local.set $right (i32x4.add (v128.load offset=16 (local.get $at)) (v128.load offset=16 (local.get $key))))
          (local.set $low (i64x2.add (local.get $low)
            (i64x2.extmul_low_i32x4_u (local.get $left) (local.get $right))))
          (local.set $high (i64x2.add (local.get $high)
            (i64x2.extmul_high_i32x4_u (local.get $left) (local.get $right))))
          (local.set $left (i32x4.add (v128.load offset=32 (local.get $at)) (v128.load offset=32 (local.get $key))))
          (local.set $right (i32x4.add (v128.load offset=48 (local.get $at)) (v128.load offset=48 (local.get $key))))
          (local.set $low (i64x2.add (local.get $low)
            (i64x2.extmul_low_i32x4_u (local.get $left) (local.get $right))))
          (local.set $high (i64x2.add (local.get $high)
            (i64x2.extmul_high_i32x4_u (local.get $left) (local.get $right))))
          (local.set $at (i32.add (local.get $at) (i32.const 64)))
          (local.set $key (i32.add (local.get $key) (i32.const 64)))
          (br_if $stripes (i32.lt_u (local.get $at) (local.get $blockEnd))))
        (local.set $low (i64x2.add (local.get $low) (local.get $high)))
        (local.set $hash (i64.mul (i64.const 0x9e3779b185ebca87)
          (i64.rotl
            (i64.xor (local.get $hash)
              (i64.mul (i64.const 0xc2b2ae3d27d4eb4f)
                (i64.add (i64x2.extract_lane 0 (local.get $low)) (i64x2.extract_lane 1 (local.get $low)))))
            (i64.const 27))))
        (br $blocks)))
    (local.set $hash (i64.mul (i64.const 0xc2b2ae3d27d4eb4f)
      (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 33)))))
    (local.set $hash (i64.mul (i64.const 0x165667b19e3779f9)
      (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 29)))))
    (i32.wrap_i64 (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 32)))))
)
