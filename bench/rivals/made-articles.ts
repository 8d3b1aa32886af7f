/**
 * A corpus of any size around real articles: made ones have their lengths and their words with their frequencies.
 * Of words that the real articles have once, which stand for all the rare ones, nine of ten become made words, whose
 * frequencies fall as one over their rank.
 */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Article } from '../../src/input/article.ts';

const CONSONANTS = 'bcdfghklmnprstvz';
const VOWELS = 'aeiou';

/** Writes the real articles and as many made ones as are lacking, the same for the same number. */
export async function writeMadeArticles(
  path: string,
  real: readonly Article[],
  number: number,
): Promise<void> {
  const file = createWriteStream(path);
  const done = finished(file);
  for (const { title, text } of real) file.write(`${JSON.stringify({ title, text })}\n`);
  const make = maker(real, number);
  for (let i = real.length; i < number; i++) {
    if (!file.write(`${JSON.stringify(make())}\n`)) await once(file, 'drain');
  }
  file.end();
  await done;
}

function maker(real: readonly Article[], number: number): () => Article {
  const random = mulberry(12_345);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)];
  const texts = real.map(({ text }) => text.split(/\s+/).filter((word) => word !== ''));
  const titles = real.map(({ title }) => title.split(/\s+/));
  const words = texts.flat();
  const titleWords = titles.flat();
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const rare = () => madeWord(Math.exp(random() * Math.log(Math.max(1_000, number))) * 7 + 13);
  const word = () => {
    const found = pick(words);
    return counts.get(found) === 1 && random() < 0.9 ? rare() : found;
  };
  return () => {
    const text = Array.from({ length: pick(texts).length }, word).join(' ');
    const title = Array.from({ length: pick(titles).length }, () =>
      random() < 0.5 ? rare() : pick(titleWords),
    );
    return { title: title.join(' '), text };
  };
}

function madeWord(rank: number): string {
  let word = '';
  for (let rest = Math.floor(rank), i = 0; i < 3 || rest > 0; i++, rest = Math.floor(rest / 80))
    word += `${CONSONANTS[rest % 16]}${VOWELS[Math.floor(rest / 16) % 5]}`;
  return word;
}

/** Numbers between 0 and 1 (Mulberry32). */
function mulberry(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
