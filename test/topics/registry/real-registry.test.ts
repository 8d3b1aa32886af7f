/** The same client against a registry that is not ours. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import avro from 'avsc';
import { type Codec, schemaOf, topicNames } from '../../../src/topics/avro/codec.ts';
import { builtInTopics } from '../../../src/topics/avro/schemas.ts';
import { type OpenCodecOptions, openCodec, subjectOf } from '../../../src/topics/registry/open-codec.ts';
import { registryClient } from '../../../src/topics/registry/registry-client.ts';
import { registryConfig } from '../../../src/topics/registry/registry-config.ts';
import { missingRegistry, type RealRegistry, startRegistry, withPrograms } from './real-registry.ts';

withPrograms('a real schema registry', [missingRegistry()], () => {
  let registry: RealRegistry;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry?.stop());

  function open(run: string, options: Partial<OpenCodecOptions> = {}): Promise<Codec> {
    return openCodec(
      {
        run,
        maxRecordBytes: 65_536,
        topics: builtInTopics,
        json: new Set(),
        registry: registryConfig.parse({ url: registry.url }),
        access: 'write',
        ...options,
      },
      { env: {}, readFile: readFileSync, fetch: globalThis.fetch, sleep, now: () => performance.now() },
    );
  }

  async function call(path: string, body?: object, method = 'POST'): Promise<Record<string, unknown>> {
    const response = await fetch(`${registry.url}${path}`, {
      method: body === undefined ? 'GET' : method,
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await response.json()) as Record<string, unknown>;
  }

  const question = {
    id: 'q1',
    task: 'math',
    text: '2+2?',
    answer: null,
    answers: [],
    source: null,
    meta: {},
    by: null,
  };
  const register = (subject: string, schema: unknown) =>
    call(`/subjects/${subject}/versions`, { schema: JSON.stringify(schema) });

  test('has every topic of a run after it was opened, once, however often it is opened', async () => {
    const codec = await open('real');
    await open('real');
    const subjects = (await call('/subjects')) as unknown as string[];
    for (const topic of topicNames) {
      expect(subjects).toContain(subjectOf('real', topic));
      expect(await call(`/subjects/${subjectOf('real', topic)}/versions`)).toEqual([1]);
    }
    const bytes = codec.encode('questions', question);
    const { schema } = await call(`/schemas/ids/${Buffer.from(bytes).readInt32BE(1)}`);
    expect(JSON.parse(schema as string)).toEqual(schemaOf('questions'));
    // Another worker has the same ids; a tap learns them.
    expect((await open('real')).encode('questions', question)).toEqual(bytes);
    const tap = await open('real', { access: 'read' });
    await tap.learn?.('questions', [bytes]);
    expect(tap.decode('questions', bytes)).toEqual(question);
  });

  test('tells what another writer meant', async () => {
    const codec = await open('real');
    const schema = {
      type: 'record',
      name: 'Question',
      namespace: 'swirl',
      fields: [
        { name: 'weight', type: { type: 'bytes', logicalType: 'decimal', precision: 4 } },
        ...['id', 'task', 'text'].map((name) => ({ name, type: 'string' })),
      ],
    };
    const { id } = (await register('somebody-value', schema)) as { id: number };
    const head = Buffer.alloc(5);
    head.writeInt32BE(id, 1);
    const { task, text } = question;
    const body = avro.Type.forSchema(schema as avro.Schema).toBuffer({
      id: 'q1',
      task,
      text,
      weight: Buffer.of(1),
    });
    const value = Buffer.concat([head, body]);
    await codec.learn?.('questions', [value]);
    expect(codec.decode('questions', value)).toEqual(question);
    for (const unknown of [id + 1000, 0x7fffffff]) {
      head.writeInt32BE(unknown, 1);
      const strange = Buffer.concat([head, body]);
      await codec.learn?.('questions', [strange]);
      expect(() => codec.decode('questions', strange)).toThrow(/knows no schema with the id/);
    }
  });

  test('says whether it has a subject', async () => {
    await register('something-value', 'string');
    const client = registryClient(registryConfig.parse({ url: registry.url }), {
      env: {},
      readFile: readFileSync,
      fetch: globalThis.fetch,
      sleep,
    });
    expect(await client.knows('something-value')).toBe(true);
    expect(await client.knows('nothing-value')).toBe(false);
  });

  test('refuses a schema that is incompatible with an older one, in words', async () => {
    const older = {
      type: 'record',
      name: 'Scored',
      namespace: 'swirl',
      fields: [{ name: 'id', type: 'int' }],
    };
    await register(subjectOf('old', 'scored'), older);
    await call(`/config/${subjectOf('old', 'scored')}`, { compatibility: 'BACKWARD' }, 'PUT');
    await expect(open('old')).rejects.toThrow(
      /refuses the schema of swirl\.old\.scored-value: it is incompatible .*: ".+".*another name for the run/,
    );
  });

  test('finds what was registered before, where a run may not register', async () => {
    const only = { registry: registryConfig.parse({ url: registry.url, register: false }) };
    await expect(open('unregistered', only)).rejects.toThrow(
      /does not know the schema of swirl\.unregistered\./,
    );
    await open('theirs');
    const codec = await open('theirs', only);
    expect(codec.decode('questions', codec.encode('questions', question))).toEqual(question);
  });
});
