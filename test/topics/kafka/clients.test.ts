/**
 * Programs that are not ours feed a run on a real broker, and read what it wrote by the published schemas
 * alone.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import avro from 'avsc';
import fc from 'fast-check';
import { kcat, python } from '../../../scripts/kafka/clients.js';
import { ensureKafka, missing } from '../../../scripts/kafka/fetch.js';
import { type OpenRun, openRun } from '../../../src/open-run.ts';
import { arrayOf } from '../../../src/topics/read-records.ts';
import type { Question, Topic } from '../../../src/topics/records.generated.ts';
import { settle } from '../../../src/topology/settle.ts';
import { topologyConfig } from '../../../src/topology/topology.ts';
import { builtProgram } from '../../end-to-end/built-program.ts';
import { PATIENCE_MS } from '../../patience.ts';
import { arbitraryRecord } from '../avro/arbitrary-records.ts';
import {
  missingRegistry,
  type RealRegistry,
  startRegistry,
  withPrograms,
} from '../registry/real-registry.ts';
import { sharedBroker } from './broker.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const example = (name: string) => join(root, 'docs', 'examples', name);
const folder = mkdtempSync(join(tmpdir(), 'swirl-clients-'));
const ends: (() => Promise<void>)[] = [];
afterAll(async () => {
  // What a failed test left open would keep jest from ending.
  await Promise.all(ends.map((end) => end()));
  rmSync(folder, { recursive: true, force: true });
});

let runs = 0;

/**
 * Opens a run on the broker that only starts rollouts, lets `feed` fill its questions, and runs it until they
 * are done.
 */
async function fed(settings: object, feed: (topic: string) => void): Promise<OpenRun> {
  const name = `clients-${process.pid}-${++runs}`;
  const { registry = null, ...rest } = settings as { registry?: object | null };
  const run = await openRun(
    settle(
      topologyConfig.parse({
        run: name,
        folder,
        transport: { kind: 'kafka', brokers: [await sharedBroker()], registry },
        tasks: { math: {} },
        stages: { start: { rollouts: 2 } },
        ...rest,
      }),
    ),
  );
  const stop = new AbortController();
  ends.push(() => {
    stop.abort(new Error('the tests are over'));
    return run.close();
  });
  feed(`swirl.${name}.questions`);
  const { signal } = stop;
  const { finished } = await run.start({ untilDrained: true, stop: signal, abort: signal });
  await finished;
  return run;
}

function swirl(...args: readonly string[]): string {
  return program(process.execPath, [builtProgram(), ...args]).toString('utf8');
}

function program(command: string, args: readonly string[], input = ''): Buffer {
  const done = spawnSync(command, args, {
    input,
    cwd: root,
    timeout: PATIENCE_MS,
    maxBuffer: 1 << 26,
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.error ?? done.stderr}`);
  return done.stdout;
}

function write(name: string, content: string | object): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** A topic as `swirl tap` prints it, in the order of its keys. */
function tapped<T>(topic: string, topology: string): { readonly key: string; readonly record: T }[] {
  const printed = swirl('tap', topic, '-t', topology, '--json').trim().split('\n');
  return printed
    .map((line) => JSON.parse(line) as { key: string; record: T })
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** The schema as another program gets it. */
const published = (topic: Topic) => swirl('schema', topic);

/** As a file. */
function publishedFile(topic: Topic): string {
  return write(`${topic}.avsc`, published(topic));
}

/** A topic as kcat prints it: the length of each value, and the value. */
function kcatValues(address: string, topic: string): Buffer[] {
  const args = ['-C', '-q', '-b', address, '-t', topic, '-o', 'beginning', '-e', '-f', '%R%s'];
  const stream = program(kcat().path ?? '', [...args, '-X', 'isolation.level=read_committed']);
  const values: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    const end = at + 4 + stream.readInt32BE(at);
    values.push(stream.subarray(at + 4, end));
    at = end;
  }
  return values;
}

const lines = [
  '{"id":"q1","task":"math","text":"What is 6 times 7?","answer":"42"}',
  '{"id":"q2","task":"math","text":"Zwei plus zwei, ça fait? 四"}',
];
const texts = ['What is 6 times 7?', 'Zwei plus zwei, ça fait? 四'];
const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);

async function turnsOf(run: OpenRun) {
  const turns = (await arrayOf(run.read('turns'))).sort(byId);
  expect(turns.map(({ id }) => id)).toEqual(['q1/0/0', 'q1/1/0', 'q2/0/0', 'q2/1/0']);
  expect(turns.map(({ question }) => question.text)).toEqual(texts.flatMap((text) => [text, text]));
  return turns;
}

function fieldsOf(types: Readonly<Record<string, unknown>>): object[] {
  return Object.entries(types).map(([name, type]) => ({ name, type }));
}

interface Note {
  readonly id: string;
  readonly about: Question;
  readonly length: number;
  readonly tone: 'CALM' | 'LOUD';
  readonly by: { readonly export: string } | null;
}

/** What stages of one's own write: with a record of Swirl's within, and a type that no topic of Swirl's has. */
const note = {
  type: 'record',
  name: 'Note',
  namespace: 'mine',
  fields: [
    ...fieldsOf({ id: 'string', about: 'swirl.Question', length: 'double' }),
    ...fieldsOf({ tone: { type: 'enum', name: 'Tone', symbols: ['CALM', 'LOUD'] } }),
    { name: 'by', type: ['null', 'swirl.Origin'], default: null },
  ],
};

interface Heard {
  readonly id: string;
  readonly twice: number;
}
const heard = { type: 'record', name: 'Heard', fields: fieldsOf({ id: 'string', twice: 'double' }) };

const modules = `
import { map } from 'rxjs';
export const note = map((about) => ({ id: about.id, about, length: about.text.length / 2, tone: 'CALM' }));
export const hear = map(({ id, length }) => ({ id, twice: 2 * length }));
`;

withPrograms('kcat', [missing(), kcat().why], () => {
  test('feeds JSON lines, of which the bad ones are failures, and taps what came of them', async () => {
    const address = await sharedBroker();
    const run = await fed({ topics: { questions: { format: 'json' } } }, (topic) => {
      const input = [lines[0], 'hello, world', lines[1], '{"id":"q3","__proto__":{}}'].join('\n');
      program(kcat().path ?? '', ['-P', '-b', address, '-t', topic], `${input}\n`);
    });
    try {
      const turns = await turnsOf(run);
      const failures = await arrayOf(run.read('failures'));
      expect(failures.map(({ error, bytes }) => [error, String(bytes)])).toEqual([
        ['DataError', 'hello, world'],
        ['DataError', '{"id":"q3","__proto__":{}}'],
      ]);
      const type = avro.Type.forSchema(JSON.parse(published('turns')) as avro.Schema, { wrapUnions: false });
      const tapped = kcatValues(address, `swirl.${run.topology.run}.turns`).map(
        (value) => type.fromBuffer(value.subarray(5)) as { id: string },
      );
      expect(JSON.parse(JSON.stringify(tapped.sort(byId)))).toEqual(turns);
      const fedBack = kcatValues(address, `swirl.${run.topology.run}.questions`).map(String);
      expect(fedBack.slice(0, 1)).toEqual([lines[0]]);
    } finally {
      await run.close();
    }
  });

  test('feeds compressed, with any of its codecs', async () => {
    const address = await sharedBroker();
    const codecs = ['gzip', 'lz4', 'snappy', 'zstd'];
    // Long enough for several blocks, and worth compressing: librdkafka leaves what does not become shorter.
    const long = (codec: string) => `${codec}: ${'what is six times seven? '.repeat(8_000)}`;
    const run = await fed({ topics: { questions: { format: 'json' } } }, (topic) => {
      for (const codec of codecs) {
        const line = JSON.stringify({ id: codec, task: 'math', text: long(codec) });
        program(kcat().path ?? '', ['-P', '-b', address, '-t', topic, '-z', codec], `${line}\n`);
      }
    });
    try {
      const turns = await arrayOf(run.read('turns'));
      // Whether they are equal, and not what they are: a difference would be told in megabytes.
      expect(
        turns.map(({ id, question: { text } }) => [id, text === long(id.split('/')[0] ?? '')]).sort(),
      ).toEqual(codecs.flatMap((codec) => [0, 1].map((index) => [`${codec}/${index}/0`, true])));
      expect(await arrayOf(run.read('failures'))).toEqual([]);
    } finally {
      await run.close();
    }
  });
});

withPrograms("Python's confluent-kafka", [missing(), python().why], () => {
  const feed = (address: string, topic: string, schema: string, how: readonly string[], input = lines) =>
    program(python().path ?? '', [example('feed.py'), address, topic, schema, ...how], input.join('\n'));
  const tap = (address: string, topic: string, schema: string, how: readonly string[] = []) =>
    program(python().path ?? '', [example('tap.py'), address, topic, schema, ...how])
      .toString('utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: string })
      .sort(byId);

  test('feeds Avro after our schema id, and reads the topics without a registry', async () => {
    const address = await sharedBroker();
    const id = swirl('schema', 'questions', '--id').trim();
    const run = await fed({}, (topic) => feed(address, topic, publishedFile('questions'), ['--id', id]));
    try {
      const turns = await turnsOf(run);
      expect(turns[0]?.question.answer).toBe('42');
      expect(tap(address, `swirl.${run.topology.run}.turns`, publishedFile('turns'))).toEqual(turns);
      expect(await arrayOf(run.read('failures'))).toEqual([]);
    } finally {
      await run.close();
    }
  });

  test('reads any record of any topic as we do', async () => {
    const address = await sharedBroker();
    const topics = ['scored', 'updates', 'failures'] as const;
    const run = await fed({ fed: ['questions', ...topics] }, () => {});
    try {
      for (const topic of topics) {
        await run.feed<Topic>(topic, fc.sample(arbitraryRecord<Topic>(topic), { numRuns: 20, seed: 4 }));
        const ours = await arrayOf(run.read(topic));
        const theirs = tap(address, `swirl.${run.topology.run}.${topic}`, publishedFile(topic));
        // Bytes have no JSON; the example prints them in hexadecimal.
        const plain = JSON.parse(
          JSON.stringify(ours, (_, value: unknown) => {
            const { type, data } = (value ?? {}) as { type?: unknown; data?: number[] };
            return type === 'Buffer' ? Buffer.from(data ?? []).toString('hex') : value;
          }),
        ) as { id: string }[];
        expect(theirs).toEqual(plain.sort(byId));
      }
    } finally {
      await run.close();
    }
  });

  describe('with a registry', () => {
    const why = missingRegistry();
    let registry: RealRegistry;
    beforeAll(async () => {
      if (why === null) registry = await startRegistry();
    });
    afterAll(() => registry?.stop());

    withPrograms('of its own', [why], () => {
      test('feeds by our schema and by a wider one of its own, and reads the topics', async () => {
        const address = await sharedBroker();
        const how = ['--registry', registry.url];
        const wider = JSON.parse(published('questions')) as { fields: object[] };
        wider.fields = [
          ...wider.fields.filter((field) => (field as { name: string }).name !== 'meta'),
          { name: 'difficulty', type: ['null', 'double'], default: null },
        ];
        const widerFile = write('wider.avsc', wider);
        const run = await fed({ registry: { url: registry.url } }, (topic) => {
          feed(address, topic, publishedFile('questions'), how, lines.slice(0, 1));
          const second = { ...(JSON.parse(lines[1] as string) as object), difficulty: 0.5 };
          feed(address, topic, widerFile, how, [JSON.stringify(second)]);
        });
        try {
          const turns = await turnsOf(run);
          expect(await arrayOf(run.read('failures'))).toEqual([]);
          expect(tap(address, `swirl.${run.topology.run}.turns`, publishedFile('turns'), how)).toEqual(turns);
        } finally {
          await run.close();
        }
      });

      test("has the schema of a topic of one's own, by which other programs read it and write to it", async () => {
        const address = await sharedBroker();
        const run = `clients-${process.pid}-${++runs}`;
        const subject = (of: string, topic: string) => `subjects/swirl.${of}.${topic}-value/versions`;
        const ask = async (path: string): Promise<unknown> => (await fetch(`${registry.url}/${path}`)).json();
        const path = write('notes.yaml', {
          ...{ run, folder, tasks: { math: {} }, fed: ['questions', 'notes'] },
          transport: { kind: 'kafka', brokers: [address], registry: { url: registry.url } },
          topics: { notes: { schema: note, key: 'about.id' }, heard: { schema: heard, key: 'id' } },
          stages: {
            note: {
              kind: 'module',
              path: './notes.js',
              export: 'note',
              reads: 'questions',
              writes: ['notes'],
            },
            hear: { kind: 'module', path: './notes.js', export: 'hear', reads: 'notes', writes: ['heard'] },
          },
        });
        write('notes.js', modules);
        symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
        swirl('feed', write('notes.jsonl', lines.join('\n')), '-t', path);

        // Python knows nothing of the topic but its name: it asks the registry, and adds a field of its own.
        const { schema } = (await ask(`${subject(run, 'notes')}/latest`)) as { schema: string };
        expect(JSON.parse(schema)).toEqual(JSON.parse(swirl('schema', 'notes', '-t', path)));
        const topic = `swirl.${run}.notes`;
        const wider = JSON.parse(schema) as { fields: object[] };
        wider.fields.unshift({ name: 'mood', type: 'string' });
        const how = ['--registry', registry.url];
        const [asked] = tapped<Question>('questions', path);
        const about = { ...asked?.record, id: 'theirs' };
        const theirs = { id: 'theirs', about, length: 3.5, tone: 'LOUD', by: null };
        feed(address, topic, write('wider.avsc', wider), how, [JSON.stringify({ ...theirs, mood: 'good' })]);

        swirl('run', path, '--until-drained');
        const notes = tapped<Note>('notes', path);
        expect(notes.map(({ key, record }) => [key, record.length, record.tone, record.by?.export])).toEqual([
          ...texts.map((text, i) => [`q${i + 1}`, text.length / 2, 'CALM', 'note']),
          ['theirs', 3.5, 'LOUD', undefined],
        ]);
        expect(tap(address, topic, write('latest.avsc', schema), how)).toEqual(
          notes.map(({ record }) => record),
        );
        expect(swirl('tap', 'failures', '-t', path)).toBe('');

        const again = `${run}-again`;
        swirl('replay', '--run', run, '--from', 'notes', '--as', again, '--folder', folder);
        const replayed = tapped<Heard>('heard', join(folder, again, 'topology.resolved.yaml'));
        expect(replayed.map(({ record }) => record)).toEqual(
          notes.map(({ record: { id, length } }) => ({ id, twice: 2 * length })),
        );
        for (const name of [run, again]) expect(await ask(subject(name, 'heard'))).toEqual([1]);
        expect(await ask(subject(run, 'notes'))).toEqual([1, 2]);
      });
    });
  });
});

const javac = spawnSync('javac', ['-version']).status === 0;
withPrograms(
  'Java',
  [missing(), javac ? null : 'there is no `javac` (Debian, Ubuntu: apt-get install openjdk-17-jdk-headless)'],
  () => {
    test('feeds JSON lines with nothing but kafka-clients', async () => {
      const address = await sharedBroker();
      const libs = ensureKafka(() => {});
      const run = await fed({ topics: { questions: { format: 'json' } } }, (topic) =>
        program(
          'java',
          ['-XX:TieredStopAtLevel=1', '-cp', `${libs}/*`, example('Feed.java'), address, topic],
          lines.join('\n'),
        ),
      );
      try {
        await turnsOf(run);
      } finally {
        await run.close();
      }
    });
  },
);
