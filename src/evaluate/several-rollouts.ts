/** What several rollouts of a question say together. */

/**
 * pass@k: the chance that at least one of `k` of the `count` rollouts is right, without bias for any number
 * of them that are (Chen et al. 2021, arXiv 2107.03374): 1 - C(count - right, k) / C(count, k).
 */
export function passAt(
  k: number,
  { count, right }: { readonly count: number; readonly right: number },
): number {
  if (k > count) return Number.NaN;
  let none = 1;
  for (let i = count - right + 1; i <= count; i++) none *= Math.max(0, 1 - k / i);
  return 1 - none;
}

/** 1, 2, 4, ... and the number of rollouts. */
export function passCounts(rollouts: number): number[] {
  const counts: number[] = [];
  for (let k = 1; k < rollouts; k *= 2) counts.push(k);
  return [...counts, rollouts];
}

/**
 * The answer that most rollouts give, by its index; of equally many the first. A rollout without an answer
 * has no vote. Null where none has one.
 */
export function majority(
  answers: readonly (string | null)[],
  same: (a: string, b: string) => boolean,
): number | null {
  const groups: { readonly first: number; readonly answer: string; votes: number }[] = [];
  for (const [index, answer] of answers.entries()) {
    if (answer === null) continue;
    const group = groups.find((known) => same(answer, known.answer));
    if (group === undefined) groups.push({ first: index, answer, votes: 1 });
    else group.votes += 1;
  }
  if (groups.length === 0) return null;
  return groups.reduce((best, group) => (group.votes > best.votes ? group : best)).first;
}
