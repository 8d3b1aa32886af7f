/**
 * What decides a record's partition where it is one of Swirl's own: its trajectory, where it is part of one.
 */

/** The key of one of Swirl's records. */
export function keyOf(record: object): string {
  const { id, trajectory, subTrajectory, turn } = record as Readonly<Record<string, unknown>>;
  if (typeof trajectory === 'string') return trajectory;
  for (const part of [subTrajectory, turn]) {
    const of = (part as { readonly trajectory?: unknown } | null | undefined)?.trajectory;
    if (typeof of === 'string') return of;
  }
  return String(id);
}
