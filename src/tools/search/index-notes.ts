/** What the user is told while an index is built: at the beginning, now and then, and at the end. */
import type { OpenIndexOptions } from './open-index.ts';

/** Between two notes, in milliseconds. */
const NOTE_MS = 10_000;

/** For the index of a corpus; `now` is in milliseconds. */
export function indexNotes(
  path: string,
  notify: (message: string) => void,
  now: () => number,
): Pick<OpenIndexOptions, 'onProgress' | 'onWait'> {
  let told = Number.NEGATIVE_INFINITY;
  return {
    onWait: (owner) => notify(`${path}: waiting for its index, which ${owner} builds`),
    onProgress: ({ phase, articles, share }) => {
      if (now() - told < NOTE_MS) return;
      const isFirst = told === Number.NEGATIVE_INFINITY;
      told = now();
      const percent = share === null ? '' : ` (${Math.floor(share * 100)}%)`;
      if (isFirst) notify(`building the index of ${path}, once`);
      else if (phase === 'reading') notify(`${path}: ${articles} articles read${percent}`);
      else notify(`${path}: the words of ${articles} articles put together${percent}`);
    },
  };
}
