/**
 * The families of kernels that multiply matrices, and the rules by which one is chosen; by name, as settings
 * say it.
 */

/**
 * `subgroups`: for software drivers, whose workgroup memory is as slow as any other: lanes read different
 * numbers, and broadcast them. `registers`: for those that have no subgroups. `workgroup`: for GPUs, through
 * workgroup memory. `matrix`: matmuls with bf16 weights by the adapter's subgroup matrices, in f16; others as
 * `workgroup`.
 */
export const matmulFamilies = ['subgroups', 'registers', 'workgroup', 'matrix'] as const;
export type MatmulFamily = (typeof matmulFamilies)[number];

/**
 * By the adapter, the first family that works on it. With another rule a replay would give other weights, so
 * a run keeps the one that it began with: `auto` is the newest.
 */
export const matmulRules = ['with-subgroups', 'without-subgroups'] as const;
type MatmulRule = (typeof matmulRules)[number];

/** What `auto` is. */
export const newestRule: MatmulRule = 'with-subgroups';

/** What runs were made with before they said by what rule. */
export const firstRule: MatmulRule = 'without-subgroups';

export type MatmulChoice = 'auto' | MatmulRule | MatmulFamily;
