/**
 * The families of kernels that multiply matrices, behind `Matmul`, and the text that makes their variants.
 */
import type { SubgroupMatrix } from '../../device/adapter.ts';
import type { MatmulFamily } from '../matmul-choice.ts';
import type { Variant } from './variant.ts';

/**
 * How exactly matmuls with frozen weights are computed. f16 rounds what they multiply to f16 (11 bits), and
 * sums in f32; f32 does not, even where subgroup matrices multiply in f16: there each number is the sum of
 * two.
 */
export type MatmulPrecision = 'f32' | 'f16';

export interface MatmulMethod {
  readonly family: MatmulFamily;
  readonly precision: MatmulPrecision;
  /** Of `matrix`: what a subgroup of this many invocations multiplies at once. */
  readonly unit: (SubgroupMatrix & { readonly subgroup: number }) | null;
  /** Of `subgroups`: how many lanes a subgroup has. */
  readonly lanes?: number;
}

export const inRegisters: MatmulMethod = { family: 'registers', precision: 'f32', unit: null };

export const throughWorkgroups: MatmulMethod = { family: 'workgroup', precision: 'f32', unit: null };

/** A kernel in tiles: a file that says what is multiplied, and tile.wgsl after it. */
export function tileVariant(file: string, { software, half }: { software: boolean; half: boolean }): Variant {
  return {
    files: [file, 'tile'],
    before: [
      half ? halfTiles : 'alias Kept = vec4f;\nfn keep(value: vec4f) -> vec4f { return value; }',
      steps(software),
    ].join('\n'),
    directives: half ? ['enable f16;'] : [],
  };
}

/**
 * Rows of a subgroup's tile: of the last one, where no more are left, and of one of a weight's gradient, whose rows are
 * always as many. With 32 lavapipe's compiler no longer unrolls the tile, and takes three times as long.
 */
export const subgroupRows = { whole: 16, rest: 8, more: 24 } as const;

/** The same in the tiles of a subgroup: subgroup-right.wgsl and subgroup-tile.wgsl after it. */
export function subgroupTile(file: string, lanes: number, tile: keyof typeof subgroupRows): Variant {
  const variant = inSubgroup([file, 'subgroup-right', 'subgroup-tile'], lanes);
  const sizes = `const TILE = ${subgroupRows.whole}u;
const ROWS = ${subgroupRows[tile]}u;
const REST = ${tile === 'rest'};`;
  return { ...variant, before: `${variant.before}\n${sizes}` };
}

/**
 * The same for a weight's gradient of so many rows, and how many a tile has: more where subgroups fit into it and it
 * computes hardly more rows in vain.
 */
export function gradientTile(file: string, lanes: number, rows: number): readonly [number, Variant] {
  const { whole, more } = subgroupRows;
  const computed = (each: number) => Math.ceil(rows / each) * each;
  const tile = more % lanes === 0 && computed(more) <= 1.05 * computed(whole) ? 'more' : 'whole';
  return [subgroupRows[tile], subgroupTile(file, lanes, tile)];
}

/** The rows from which on reading a panel of the right factor pays, and how many at most go down one together. */
export const panelRows = { from: 48, most: 256 } as const;

/** How deep the panels of a weight's gradient are, whose depth is known with the batch alone. */
export const gradientPanel = 64;

/** The depth of a panel is a multiple of what the lanes read at once of a row, up to this. */
const deepestPanel = 128;

/**
 * How deep the panels are for sums over `depth`: what is computed in vain, beyond the end, against what each panel costs, which
 * is about as much as 27 numbers of depth. Null where panels are too shallow to pay.
 */
export function panelDepth(depth: number, lanes: number): number | null {
  const unit = 4 * lanes;
  if (depth < unit || unit > deepestPanel) return null;
  const depths = Array.from({ length: Math.floor(deepestPanel / unit) }, (_, i) => (i + 1) * unit);
  const cost = (each: number) => Math.ceil(depth / each) * (each + 27);
  return depths.reduce((best, each) => (cost(each) <= cost(best) ? each : best));
}

/** The same with panels of this depth, one or several: panel.wgsl after the files. */
export function panelVariant(
  files: readonly string[],
  lanes: number,
  depth: number,
  panels: 'one' | 'several',
): Variant {
  const variant = inSubgroup([...files, 'subgroup-right', 'panel'], lanes);
  const fours = Array.from({ length: depth / 4 }, (_, four) => {
    const [part, lane] = [Math.floor(four / lanes), four % lanes];
    const [x, y, z, w] = [0, 1, 2, 3].map((i) => `panel[${4 * four + i}]`);
    return `  a = subgroupBroadcast(own[${part}], ${lane});
  sum = fma(a.wwww, ${w}, fma(a.zzzz, ${z}, fma(a.yyyy, ${y}, fma(a.xxxx, ${x}, sum))));`;
  });
  const before = `const DEPTH = ${depth}u;
const PARTS = ${Math.ceil(depth / (4 * lanes))}u;
const SEVERAL = ${panels === 'several'};
fn products(own: array<vec4f, PARTS>, before: vec4f) -> vec4f {
  var sum = before;
  var a: vec4f;
${fours.join('\n')}
  return sum;
}`;
  return { ...variant, before: `${variant.before}\n${before}` };
}

/** Whether the last rows, beyond whole tiles, fit into the small one. */
export function hasRest(rows: number): boolean {
  const last = rows % subgroupRows.whole;
  return last > 0 && last <= subgroupRows.rest;
}

/** Kernels of one subgroup to a workgroup. */
export function inSubgroup(files: readonly string[], lanes: number): Variant {
  const each = Array.from({ length: lanes }, (_, lane) => `subgroupBroadcast(value, ${lane})`);
  const before = `const SUBGROUP = ${lanes}u;
// What each lane has, for all lanes.
fn ofLanes(value: vec4f) -> array<vec4f, SUBGROUP> {
  return array(${each.join(', ')});
}`;
  return { files, before, directives: ['enable subgroups;'] };
}

/** A kernel on subgroup matrices: a file that says what is multiplied, and matrix.wgsl after it. */
export function matrixVariant(
  file: string,
  unit: NonNullable<MatmulMethod['unit']>,
  { software, precision }: { software: boolean; precision: MatmulPrecision },
): Variant {
  return {
    files: [file, 'matrix'],
    directives: [
      'enable f16;',
      'enable subgroups;',
      'enable subgroup_size_control;',
      'enable chromium_experimental_subgroup_matrix;',
      // Subgroups take different units, which is uniform within each, but not to the analysis.
      'diagnostic(off, chromium.subgroup_matrix_uniformity);',
    ],
    before: [
      `const UNIT_M = ${unit.m}u;`,
      `const UNIT_N = ${unit.n}u;`,
      `const UNIT_K = ${unit.k}u;`,
      `const SUBGROUP = ${unit.subgroup}u;`,
      `const PARTS = ${precision === 'f32' ? 2 : 1}u;`,
      steps(software),
    ].join('\n'),
  };
}

/** The tile of matrix.wgsl, and the workgroup memory that it takes, in bytes. */
export function matrixTile({ m, n, k }: SubgroupMatrix) {
  const [rows, columns, depth] = [8 * m, 8 * n, 2 * k];
  const right = Math.max(columns * (depth + 8), depth * (columns + 8));
  return { rows, columns, bytes: 2 * (2 * rows * (depth + 8) + right) + 4 * rows + 4 * 8 * m * n };
}

/** What matrix-scales.wgsl needs before it. */
export function scalesVariant({ software }: { software: boolean }): Variant {
  return { files: ['matrix-scales'], before: steps(software) };
}

/** The kernel for few rows. */
export function rowsVariant({ software }: { software: boolean }): Variant {
  return { files: ['rows-forward'], before: steps(software) };
}

/**
 * Numbers in workgroup memory as f16. What f16 cannot hold overflows to infinity, which does not go
 * unnoticed.
 */
const halfTiles = `alias Kept = vec4h;
fn keep(value: vec4f) -> vec4h {
  // Not a constant, which may not be infinite.
  let infinite = vec4h(bitcast<vec2h>(0x7c007c00 + batch.zero), bitcast<vec2h>(0x7c007c00 + batch.zero));
  return select(infinite, vec4h(value), abs(value) <= vec4f(65504));
}`;

/** The bound of a loop: GPUs' compilers shall unroll it, lavapipe's must not (see \`batch.zero\`). */
function steps(software: boolean): string {
  return `fn steps(count: u32) -> u32 { return count${software ? ' + batch.zero' : ''}; }`;
}
