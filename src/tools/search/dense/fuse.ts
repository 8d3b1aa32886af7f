/** Rankings put together by ranks: reciprocal rank fusion (Cormack, Clarke and Buettcher 2009, SIGIR). */

/**
 * The best of all rankings by the sum of `1 / (k + rank)`, ranks from 1, over the rankings that have the article;
 * of equal ones the first by number. Two rankings add up to the same in either order, so that ties are exact.
 */
export function fuse(rankings: readonly (readonly number[])[], k: number): number[] {
  const scores = new Map<number, number>();
  for (const ranking of rankings) {
    for (const [place, article] of ranking.entries())
      scores.set(article, (scores.get(article) ?? 0) + 1 / (k + place + 1));
  }
  return [...scores].sort(([a, scoreA], [b, scoreB]) => scoreB - scoreA || a - b).map(([article]) => article);
}
