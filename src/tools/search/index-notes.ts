/** What the user is told while an index is built: at the beginning, now and then, and at the end. */
import type { OpenIndexOptions } from './open-index.ts';

/** Between two notes, in milliseconds. */
const NOTE_MS = 10_000;

const WHAT = {
  embedding: 'embedding the articles of',
  reading: 'building the index of',
  merging: 'building the index of',
  filtering: 'reading the vectors of',
} as const;

/** For the index of a corpus; `now` is in milliseconds. */
export function indexNotes(
  path: string,
  notify: (message: string) => void,
  now: () => number,
): Pick<OpenIndexOptions, 'onProgress' | 'onWait'> {
  let told = Number.NEGATIVE_INFINITY;
  let toldOf = '';
  return {
    onWait: (owner) => notify(`${path}: waiting for its index, which ${owner} builds`),
    onProgress: ({ phase, articles, share }) => {
      const what = WHAT[phase];
      const isFirst = toldOf !== what;
      if (!isFirst && now() - told < NOTE_MS) return;
      [told, toldOf] = [now(), what];
      const percent = share === null ? '' : ` (${Math.floor(share * 100)}%)`;
      if (phase === 'filtering') {
        // Every opening does it: told where it takes long.
        if (!isFirst) notify(`${path}: ${articles} vectors read${percent}`);
      } else if (isFirst) notify(`${what} ${path}, once`);
      else if (phase === 'embedding') notify(`${path}: ${articles} articles embedded${percent}`);
      else if (phase === 'reading') notify(`${path}: ${articles} articles read${percent}`);
      else notify(`${path}: the words of ${articles} articles put together${percent}`);
    },
  };
}
