/**
 * Who gets which partitions: each worker about the same number, and as few as possible change hands. A
 * partition that is to move is given to nobody until the worker that has it has let it go (as in KIP-429): it
 * can finish what is in flight.
 */

/** What a member says of itself when it joins. */
export interface Claim {
  readonly member: string;
  /** Partitions that it still has in hand. */
  readonly owned: readonly number[];
}

/**
 * The partitions of each member, for a topic with partitions 0 to `count` - 1. A function of its arguments
 * alone.
 */
export function assign(count: number, claims: readonly Claim[]): Map<string, number[]> {
  const members = [...claims].sort((a, b) => (a.member < b.member ? -1 : 1));
  const owner = new Map<number, string>();
  for (const { member, owned } of members) {
    // Of two that claim a partition neither can be believed; the first is as good as the other.
    for (const partition of owned)
      if (partition < count && !owner.has(partition)) owner.set(partition, member);
  }
  const target = targets(
    count,
    members.map(({ member }) => member),
    owner,
  );
  const given = new Map<string, number[]>(members.map(({ member }) => [member, []]));
  for (const [partition, member] of target) {
    const held = owner.get(partition);
    if (held === undefined || held === member) given.get(member)?.push(partition);
  }
  for (const partitions of given.values()) partitions.sort((a, b) => a - b);
  return given;
}

/** Where each partition is to be in the end. */
function targets(
  count: number,
  members: readonly string[],
  owner: ReadonlyMap<number, string>,
): Map<number, string> {
  const target = new Map<number, string>();
  if (members.length === 0) return target;
  const least = Math.floor(count / members.length);
  let above = count % members.length;
  const load = new Map(members.map((member) => [member, 0]));
  const room = (member: string): boolean => {
    const has = load.get(member) as number;
    return has < least || (has === least && above > 0);
  };
  const put = (partition: number, member: string): void => {
    const has = load.get(member) as number;
    if (has >= least) above--;
    load.set(member, has + 1);
    target.set(partition, member);
  };
  for (const [partition, member] of [...owner].sort(([a], [b]) => a - b)) {
    if (room(member)) put(partition, member);
  }
  for (let partition = 0; partition < count; partition++) {
    if (target.has(partition)) continue;
    const free = members
      .filter(room)
      .sort((a, b) => (load.get(a) as number) - (load.get(b) as number) || (a < b ? -1 : 1));
    put(partition, free[0]);
  }
  return target;
}
