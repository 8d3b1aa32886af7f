/**
 * Reading a HotPotQA-like array as a stream: whether memory stays flat over the file, and what finding the
 * elements costs beside `JSON.parse` of the same bytes piece by piece. The bytes are made on the way, in
 * chunks as a file has them.
 *
 *   npx tsx --expose-gc bench/questions.ts [megabytes]
 */
import { cpus } from 'node:os';
import type { Input } from '../src/input/input.ts';
import { readHotpotqaEntries } from '../src/questions/hotpotqa.ts';
import { heldMegabytes, seconds } from './measure.ts';

const megabytes = Number(process.argv[2] ?? 200);
const CHUNK = 1 << 18;

/**
 * One question with ten paragraphs, about 6 kB as in the training split; strings hold brackets, quotes and é.
 */
function entryText(index: number): string {
  const context = Array.from({ length: 10 }, (_, p) => [
    `Article ${index * 10 + p}`,
    Array.from(
      { length: 5 },
      (_, s) => ` Sentence ${s} of the "article" [${p}] in a café, ${'and so on '.repeat(8)}.`,
    ),
  ]);
  return JSON.stringify({
    _id: `id${index}`,
    question: `Which town is article ${index} about?`,
    answer: 'Tarn',
    type: 'bridge',
    level: 'hard',
    supporting_facts: [['Article 0', 0]],
    context,
  });
}

const count = Math.round((megabytes * 1e6) / Buffer.byteLength(entryText(1000)));

async function* bytes(): AsyncGenerator<Uint8Array> {
  let held = Buffer.from('[');
  for (let index = 0; index < count; index++) {
    held = Buffer.concat([held, Buffer.from(`${index === 0 ? '' : ', '}${entryText(index)}`)]);
    if (held.length < CHUNK) continue;
    yield held;
    held = Buffer.alloc(0);
  }
  yield Buffer.concat([held, Buffer.from(']')]);
}

const input: Input = { name: 'made.json', base: 'made.json', stem: 'made', open: bytes };

if (globalThis.gc === undefined) throw new Error('run with --expose-gc, to see what is live');
console.log(`Node ${process.version}, ${cpus()[0]?.model}, ${count} questions, ${megabytes} MB`);

const memory: number[] = [];
let read = 0;
let articles = 0;
const reading = await seconds(async () => {
  for await (const { question, articles: found } of readHotpotqaEntries(input)) {
    if (question.id !== `hotpotqa:id${read}`) throw new Error(`expected id${read}, found ${question.id}`);
    read++;
    articles += found.length;
    if (read % Math.ceil(count / 10) === 0) memory.push(heldMegabytes());
  }
});
if (read !== count || articles !== 10 * count) throw new Error(`expected ${count} questions, read ${read}`);

const parsing = await seconds(async () => {
  for (let index = 0; index < count; index++) JSON.parse(entryText(index));
});
const making = await seconds(async () => {
  for await (const _ of bytes());
});

console.log(`live memory at each tenth: ${memory.map((value) => value.toFixed(1)).join(' ')} MB`);
console.log(`largest resident: ${(process.resourceUsage().maxRSS / 1000).toFixed(0)} MB`);
console.log(`reading, without making the bytes: ${(megabytes / (reading - making)).toFixed(0)} MB/s`);
console.log(`JSON.parse alone, bytes made too: ${(megabytes / parsing).toFixed(0)} MB/s`);
