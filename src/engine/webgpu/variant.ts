/** One of several kernels behind one name. */
export interface Variant {
  /** The kernel's text, in this order, instead of `kernels/NAME.wgsl`. */
  readonly files: readonly string[];
  /** What goes before it: constants and the like. */
  readonly before: string;
  /** What goes before everything: `enable f16;` and the like. */
  readonly directives?: readonly string[];
}
