import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import avro from 'avsc';
import { ConfigError, DataError, TransportError } from '../../../src/errors.ts';
import { type Codec, encode, schemaIdOf, schemaOf, topicNames } from '../../../src/topics/avro/codec.ts';
import { builtInTopics } from '../../../src/topics/avro/schemas.ts';
import type { Question } from '../../../src/topics/records.generated.ts';
import {
  type OpenCodecDeps,
  type OpenCodecOptions,
  openCodec,
} from '../../../src/topics/registry/open-codec.ts';
import { registryConfig } from '../../../src/topics/registry/registry-config.ts';
import { until } from '../../patience.ts';
import { answer, cut, hang, type ProtocolServer, protocolServer } from './protocol-server.ts';

const question: Question = {
  id: 'q1',
  task: 'math',
  text: '2+2?',
  answer: '4',
  answers: [],
  source: null,
  meta: {},
  by: null,
};
const secret = 'swordfish-9';

let server: ProtocolServer;
let clock = 0;
let waits: number[] = [];

beforeEach(async () => {
  server = await protocolServer();
  clock = 0;
  waits = [];
});
afterEach(() => server.close());

const deps: OpenCodecDeps = {
  env: { REGISTRY_USER: 'ada', REGISTRY_PASSWORD: secret },
  readFile: () => Buffer.from(`${secret}\n`),
  fetch: globalThis.fetch,
  sleep: async (ms) => void waits.push(ms),
  now: () => clock,
};

function open(settings: object = {}, options: Partial<OpenCodecOptions> = {}): Promise<Codec> {
  const registry = registryConfig.parse({ url: server.url, timeoutMs: 60_000, attempts: 3, ...settings });
  return openCodec(
    {
      run: 'main',
      maxRecordBytes: 65_536,
      topics: builtInTopics,
      json: new Set(),
      registry,
      access: 'write',
      ...options,
    },
    deps,
  );
}

function idIn(bytes: Uint8Array): number {
  return Buffer.from(bytes).readInt32BE(1);
}

/** A value as another program writes it: by avsc, after the id that the registry gave its schema. */
function framed(id: number, schema: unknown, value: unknown): Buffer {
  const head = Buffer.alloc(5);
  head.writeInt32BE(id, 1);
  return Buffer.concat([head, avro.Type.forSchema(schema as avro.Schema).toBuffer(value)]);
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => new Error('expected a rejection, found none'),
    (error: unknown) => error as Error,
  );
}

describe('registering', () => {
  test('every topic gets its subject, and its records the id of the registry', async () => {
    server.add('"string"');
    const codec = await open();
    expect([...server.subjects.keys()].sort()).toEqual(
      topicNames.map((topic) => `swirl.main.${topic}-value`).sort(),
    );
    const bytes = codec.encode('questions', question);
    const [id] = server.subjects.get('swirl.main.questions-value') ?? [];
    expect(idIn(bytes)).toBe(id);
    expect(id).not.toBe(schemaIdOf('questions'));
    const before = server.seen.length;
    await codec.learn?.('questions', [bytes]);
    expect(codec.decode('questions', bytes)).toEqual(question);
    expect(server.seen.length).toBe(before);
    // Read by another worker, which learns what its own id means.
    const reader = await open({}, { access: 'read' });
    await reader.learn?.('questions', [bytes]);
    expect(reader.decode('questions', bytes)).toEqual(question);
  });

  test('opening again registers nothing new, and a reader registers nothing', async () => {
    await open({}, { access: 'read' });
    expect(server.subjects.size).toBe(0);
    await open();
    const first = server.subjects.get('swirl.main.scored-value');
    await open();
    expect(new Set(server.subjects.get('swirl.main.scored-value'))).toEqual(new Set(first));
  });

  test('register: false finds what somebody else registered, or says that it is not there', async () => {
    const error = await failure(open({ register: false }));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(/does not know the schema of swirl\.main\.\S+-value.*register: true/);
    await open();
    const codec = await open({ register: false });
    expect(idIn(codec.encode('questions', question))).toBe(
      server.subjects.get('swirl.main.questions-value')?.[0],
    );
  });

  test('topics of JSON are not registered', async () => {
    const codec = await open({}, { json: new Set(['questions']) });
    expect(server.subjects.has('swirl.main.questions-value')).toBe(false);
    expect(codec.decode('questions', codec.encode('questions', question))).toEqual(question);
  });

  test('an incompatible schema is told in plain words, with those of the registry', async () => {
    server.refuse('swirl.main.scored-value', 'reader field `reward` has no default');
    const error = await failure(open());
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(
      /refuses the schema of swirl\.main\.scored-value: it is incompatible with what was registered there before: "reader field `reward` has no default"\. .*another name for the run/,
    );
  });
});

describe('records of other writers', () => {
  const foreign = {
    type: 'record',
    name: 'Question',
    namespace: 'com.example',
    fields: [
      { name: 'text', type: 'string' },
      { name: 'id', type: 'string' },
      { name: 'priority', type: 'int' },
      { name: 'task', type: 'string' },
    ],
  };

  test('are read by the schema that the registry has for their id, looked up once', async () => {
    const codec = await open();
    const id = server.add(JSON.stringify(foreign));
    const value = framed(id, foreign, { text: 'why?', id: 'q7', priority: 3, task: 'math' });
    expect(() => codec.decode('questions', value)).toThrow(DataError);
    const before = server.seen.length;
    await Promise.all([codec.learn?.('questions', [value, value]), codec.learn?.('questions', [value])]);
    await codec.learn?.('questions', [value]);
    expect(server.seen.slice(before).map(({ path }) => path)).toEqual([`/schemas/ids/${id}`]);
    expect(codec.decode('questions', value)).toEqual({
      id: 'q7',
      task: 'math',
      text: 'why?',
      answer: null,
      answers: [],
      source: null,
      meta: {},
      by: null,
    });
  });

  test("the ids of schemas/ are understood without a look-up, and so is the registry's id of our own schema", async () => {
    const codec = await open();
    const before = server.seen.length;
    const own = encode('questions', question);
    await codec.learn?.('questions', [own]);
    expect(server.seen.length).toBe(before);
    expect(codec.decode('questions', own)).toEqual(question);
    const again = framed(server.add(JSON.stringify(schemaOf('questions'))), schemaOf('questions'), question);
    await codec.learn?.('questions', [again]);
    expect(codec.decode('questions', again)).toEqual(question);
  });

  test('an id that the registry does not know is a DataError, and is asked for again later', async () => {
    const codec = await open();
    const id = server.add('"x"') + 1;
    const value = framed(id, foreign, { text: 't', id: 'q', priority: 0, task: 'm' });
    await codec.learn?.('questions', [value]);
    expect(() => codec.decode('questions', value)).toThrow(new RegExp(`knows no schema with the id ${id}`));
    expect(server.add(JSON.stringify(foreign))).toBe(id);
    await codec.learn?.('questions', [value]);
    expect(() => codec.decode('questions', value)).toThrow(DataError);
    clock += 30_001;
    await codec.learn?.('questions', [value]);
    expect(codec.decode('questions', value)).toMatchObject({ id: 'q', text: 't' });
  });

  test.each([
    [
      'JSON Schema',
      '{"type":"object"}',
      { schemaType: 'JSON' },
      /expected an Avro schema with the id \d+, found one of JSON/,
    ],
    [
      'references',
      '"com.example.Question"',
      { references: [{ name: 'a', subject: 'b', version: 1 }] },
      /refers to others/,
    ],
    ['nonsense', '{"type":"recor', {}, /is no JSON/],
    [
      'another record',
      JSON.stringify({ ...foreign, fields: foreign.fields.slice(0, 2) }),
      {},
      /field task: the writer's schema lacks this field/,
    ],
  ])('%s: the record is a DataError, and the run goes on', async (_, schema, more, message) => {
    const codec = await open();
    const value = framed(server.add(schema, more), 'string', 'x');
    await codec.learn?.('questions', [value]);
    expect(() => codec.decode('questions', value)).toThrow(DataError);
    expect(() => codec.decode('questions', value)).toThrow(message);
  });

  test('ids that no registry gives are not asked for', async () => {
    const codec = await open();
    const before = server.seen.length;
    const values = [0, -5].map((id) => framed(id, 'string', 'x'));
    await codec.learn?.('questions', [...values, Buffer.from('{}'), Buffer.alloc(3), Buffer.alloc(0)]);
    expect(server.seen.length).toBe(before);
    for (const value of values) expect(() => codec.decode('questions', value)).toThrow(DataError);
  });

  test('many ids at once are all known after that; of the cache the longest unused go first', async () => {
    const codec = await open({ cachedSchemas: 16 });
    const written = Array.from({ length: 40 }, (_, i) => {
      const schema = { ...foreign, fields: [...foreign.fields, { name: `extra${i}`, type: 'int' }] };
      const value = { text: `t${i}`, id: 'q', priority: 0, task: 'm', [`extra${i}`]: i };
      return framed(server.add(JSON.stringify(schema)), schema, value);
    });
    await codec.learn?.('questions', written);
    for (const [i, value] of written.entries()) {
      expect(codec.decode('questions', value)).toMatchObject({ text: `t${i}` });
    }
    const [first, last] = [written[0], written[39]];
    await codec.learn?.('questions', [last]);
    const before = server.seen.length;
    await codec.learn?.('questions', [last]);
    expect(server.seen.length).toBe(before);
    await codec.learn?.('questions', [first]);
    expect(codec.decode('questions', first)).toMatchObject({ text: 't0' });
  });
});

describe('a registry that does not answer as it should', () => {
  /** Waited out where it hangs; more than any other request needs. */
  const impatient = { timeoutMs: 4_000 };

  test('is asked again, with growing patience, after errors, cuts and silence', async () => {
    server.faults.push(answer(503, 'starting'), cut);
    await open();
    expect(waits).toEqual([200, 400]);
    server.faults.push(hang, answer(429, {}));
    await open(impatient);
    expect(waits).toEqual([200, 400, 200, 400]);
  });

  test('ends as a retryable TransportError that says what happened', async () => {
    server.faults.push(hang, cut, answer(500, { message: 'store is down\u001b[2J' }));
    const error = await failure(open(impatient));
    expect(error).toBeInstanceOf(TransportError);
    expect((error as TransportError).retryable).toBe(true);
    expect(error.message).toMatch(/tried 3 times\): HTTP 500: "store is down \[2J"/);
  });

  test('a look-up that fails is not taken for an unknown schema', async () => {
    const codec = await open();
    const value = framed(server.add('"string"'), 'string', 'x');
    server.faults.push(cut, cut, cut);
    expect(await failure(codec.learn?.('questions', [value]) ?? Promise.resolve())).toBeInstanceOf(
      TransportError,
    );
    await codec.learn?.('questions', [value]);
    expect(() => codec.decode('questions', value)).toThrow(/the writer's schema has string/);
  });

  test('a signal ends the wait of the one who gave it, and nobody else’s', async () => {
    const codec = await open();
    const value = framed(server.add('"string"'), 'string', 'x');
    let release = () => {};
    server.faults.push((response) => {
      release = () => answer(200, { schema: '"string"' })(response);
    });
    const stop = new AbortController();
    const stopped = failure(codec.learn?.('questions', [value], stop.signal) ?? Promise.resolve());
    const other = codec.learn?.('questions', [value]);
    await until('the request', () => server.seen.at(-1)?.path.startsWith('/schemas/') === true);
    stop.abort(new Error('the partition is lost'));
    expect((await stopped).message).toBe('the partition is lost');
    release();
    await other;
    expect(() => codec.decode('questions', value)).toThrow(/the writer's schema has string/);
  });

  test.each([
    [
      'a page of something else',
      answer(200, '<html>'),
      /does not answer as a schema registry does.*HTTP 200/,
    ],
    ['a redirection', answer(302, ''), /HTTP 302/],
    ['an id that none can have', answer(200, { id: 2 ** 31 }), /does not answer as a schema registry/],
    ['an invalid schema', answer(422, { message: 'Invalid Avro' }), /is invalid: "Invalid Avro"/],
  ])('%s is a ConfigError', async (_, fault, message) => {
    server.faults.push(fault);
    const error = await failure(open());
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(message);
    expect(waits).toEqual([]);
  });

  test('an endless answer is not read to its end', async () => {
    const codec = await open();
    const value = framed(server.add('"x"'), 'string', 'x');
    server.faults.push(answer(200, `"${'x'.repeat(5 * 1024 * 1024)}"`));
    await codec.learn?.('questions', [value]);
    expect(() => codec.decode('questions', value)).toThrow(/more than 4194304 bytes/);
  });
});

describe('basic authentication', () => {
  test('the password comes from a variable or a file, and stands in no message', async () => {
    const guarded = await protocolServer(`ada:${secret}`);
    try {
      for (const password of [
        { passwordEnv: 'REGISTRY_PASSWORD' },
        { passwordFile: '/run/secrets/registry' },
      ]) {
        const codec = await open({ url: guarded.url, usernameEnv: 'REGISTRY_USER', ...password });
        expect(idIn(codec.encode('questions', question))).toBeGreaterThan(0);
      }
      const error = await failure(open({ url: guarded.url }));
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message).toMatch(/refuses this user.*see usernameEnv and passwordEnv/);
      guarded.faults.push(answer(403, { message: 'no' }), cut, cut, cut);
      for (let i = 0; i < 2; i++) {
        const told = await failure(
          open({ url: guarded.url, usernameEnv: 'REGISTRY_USER', passwordEnv: 'REGISTRY_PASSWORD' }),
        );
        expect(`${told.message} ${told.stack} ${JSON.stringify(told)}`).not.toContain(secret);
      }
    } finally {
      await guarded.close();
    }
  });

  test.each([
    [{ usernameEnv: 'REGISTRY_USER' }, /expected usernameEnv with one of/],
    [{ passwordEnv: 'REGISTRY_PASSWORD' }, /expected usernameEnv with one of/],
    [{ url: 'http://ada:pw@host' }, /without user name and password/],
    [{ url: 'ftp://host' }, /Invalid URL/i],
    [{ usernameEnv: 'my password' }, /never the secret itself/],
  ])('settings that do not go together are refused: %j', (settings, message) => {
    const parsed = registryConfig.safeParse({ url: server.url, ...settings });
    expect(parsed.error?.message).toMatch(message);
  });

  test('a variable that is not set is named', async () => {
    const error = await failure(open({ usernameEnv: 'REGISTRY_USER', passwordEnv: 'NOT_SET' }));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(
      /transport\.registry\.passwordEnv names the variable NOT_SET, which is not set/,
    );
  });
});
