/** Which kernels of attention a device gets. */
import type { AdapterDescription } from '../../../device/adapter.ts';
import { inSubgroup, type MatmulMethod } from '../matmul-variants.ts';
import type { Shape } from '../shape.ts';
import type { Variant } from '../variant.ts';

/** Of a head, in numbers. */
const longestUnrolled = 64;

/**
 * In subgroups where matmuls are, if the head is short. For GPUs, which the matmul kernels' family tells: the kernels in which several lanes have a query together.
 * With one lane for each, a head of 256 does not stay in registers. Undefined: `kernels/NAME.wgsl` as it is.
 */
export function attentionVariant(
  name: 'attention' | 'attention-backward-queries' | 'attention-backward-keys',
  { matmul, adapter }: { readonly matmul: MatmulMethod; readonly adapter: AdapterDescription },
  { headSize, shape }: { readonly headSize: number; readonly shape: Shape },
): Variant | undefined {
  if (matmul.family === 'registers') return undefined;
  if (matmul.lanes) {
    const fits = shape.attentionLanes <= matmul.lanes && shape.keyBlock <= matmul.lanes;
    // All of a head is in registers, and every loop over it unrolled: longer ones would compile for minutes.
    return fits && headSize <= longestUnrolled ? inSubgroup([`subgroup-${name}`], matmul.lanes) : undefined;
  }
  const lanes = Math.max(shape.attentionLanes, shape.keyBlock);
  const share = [8, 4, 2].find((count) => {
    // Two numbers from each lane for each of `count` keys, and two for each key.
    const bytes = 8 * lanes * count * (count + 2);
    const fits = lanes * count <= adapter.invocationsPerWorkgroup && bytes <= adapter.workgroupStorage;
    return headSize % (4 * count) === 0 && fits;
  });
  if (share === undefined) return undefined;
  return { files: [`lanes-${name}`], before: `const SHARE = ${share}u;` };
}
