/** Numbers as a curve of one line. */
const LEVELS = '▁▂▃▄▅▆▇█';

/**
 * The means of as many neighbors as fall on one of `width` columns, from the lowest (`▁`) to the highest
 * (`█`) of them; all at one height where they are equal. Fewer numbers than columns have one each.
 */
export function sparkline(numbers: readonly number[], width: number): string {
  const columns = Math.min(width, numbers.length);
  const means = Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * numbers.length) / columns);
    const to = Math.floor(((column + 1) * numbers.length) / columns);
    const part = numbers.slice(from, to);
    return part.reduce((a, b) => a + b, 0) / part.length;
  });
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const top = LEVELS.length - 1;
  return means
    .map((mean) => LEVELS[high > low ? Math.round((top * (mean - low)) / (high - low)) : top >> 1])
    .join('');
}
