import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { JsonSchema } from '../../../src/agent/arguments/json-schema.ts';
import { openParameters, type Parameters } from '../../../src/agent/arguments/parameters.ts';
import { readArgument } from '../../../src/agent/arguments/read-argument.ts';
import { ConfigError } from '../../../src/errors.ts';

const forecast: JsonSchema = {
  type: 'object',
  properties: {
    city: { type: 'string', description: 'Where.' },
    days: { type: 'integer', minimum: 1, maximum: 7, default: 3 },
    unit: { enum: ['celsius', 'fahrenheit'] },
  },
  required: ['city', 'days'],
  additionalProperties: false,
};

const note: JsonSchema = {
  properties: { text: { type: 'string', minLength: 3 }, draft: { type: 'boolean' } },
  required: ['text'],
};

function open(schema: JsonSchema, example: string | null = null): Promise<Parameters> {
  return openParameters(schema, { where: 'tools.it', example });
}

async function read(schema: JsonSchema, written: string, maxChars = 2000) {
  return readArgument(written, { parameters: await open(schema), maxChars });
}

describe('several arguments', () => {
  test.each([
    '{"city": "Oslo", "days": 2}',
    ' {"days":2,"city":"Oslo"}\n',
    '```json\n{"city": "Oslo", "days": 2}\n```',
    '```\n{"city": "Oslo", "days": 2}\n```',
  ])('%j are JSON', async (written) => {
    expect(await read(forecast, written)).toEqual({ arguments: { city: 'Oslo', days: 2 } });
  });

  const expected = 'expected JSON such as {"city":"some text","days":3}.';
  test.each([
    ['Oslo', `the argument is not JSON: ${expected}`],
    ['{"city": "Oslo", "days": 2', `the argument is not JSON: ${expected}`],
    ["{'city': 'Oslo'}", `the argument is not JSON: ${expected}`],
    ['"Oslo"', `the argument is JSON, but no object: ${expected}`],
    ['[1]', `the argument is JSON, but no object: ${expected}`],
    ['null', `the argument is JSON, but no object: ${expected}`],
    ['{"city": "Oslo"}', `the argument does not fit: must have required property 'days'; ${expected}`],
    [
      '{"city": 1, "days": "x"}',
      `the argument does not fit: city must be string (text); days must be integer (whole number); ${expected}`,
    ],
    [
      '{"city": "Oslo", "days": 9}',
      `the argument does not fit: days must be <= 7 (whole number); ${expected}`,
    ],
    [
      '{"city": "", "days": 1, "unit": "kelvin"}',
      `the argument does not fit: unit must be equal to one of the allowed values ("celsius" or "fahrenheit"); ${expected}`,
    ],
    [
      '{"city": "", "days": 1, "x": 1}',
      `the argument does not fit: must NOT have additional properties; ${expected}`,
    ],
  ])('%j: %s', async (written, problem) => {
    expect(await read(forecast, written)).toEqual({ problem });
  });
});

describe('one required text', () => {
  test.each([
    ['hello you', { text: 'hello you' }],
    ['{"text": "hello"}', { text: 'hello' }],
    ['{"text": "hello", "draft": true}', { text: 'hello', draft: true }],
    ['{"draft": true}', { text: '{"draft": true}' }],
    ['["a", "b"]', { text: '["a", "b"]' }],
    ['{"text": "cut off', { text: '{"text": "cut off' }],
    ['12345', { text: '12345' }],
  ])('%j is %j', async (written, given) => {
    expect(await read(note, written)).toEqual({ arguments: given });
  });

  test.each([
    [
      'ab',
      'the argument does not fit: text must NOT have fewer than 3 characters (text); expected another text.',
    ],
    [
      '{"text": 5}',
      'the argument does not fit: text must be string (text); expected JSON such as {"text":"some text"}.',
    ],
  ])('%j: %s', async (written, problem) => {
    expect(await read(note, written)).toEqual({ problem });
  });
});

test('hostile arguments are read or refused, never more', async () => {
  const parameters = await open({
    type: 'object',
    properties: { tree: { $ref: '#/$defs/tree' } },
    required: ['tree'],
    $defs: { tree: { type: 'array', items: { $ref: '#/$defs/tree' } } },
  });
  const deep = `{"tree": ${'['.repeat(5000)}${']'.repeat(5000)}}`;
  expect(readArgument(deep, { parameters, maxChars: 20_000 })).toEqual({
    problem: 'the argument is nested deeper than 64 levels.',
  });
  expect(readArgument(deep, { parameters, maxChars: 100 })).toEqual({
    problem: 'the argument is longer than 100 characters.',
  });
  const named = readArgument('{"tree": [], "__proto__": {"polluted": true}}', { parameters, maxChars: 100 });
  expect(named).toHaveProperty('arguments.tree', []);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (written) => {
      const got = readArgument(written, { parameters, maxChars: 1000 });
      expect('problem' in got ? got.problem.endsWith('.') : Array.isArray(got.arguments.tree)).toBe(true);
    }),
  );
});

describe('what a policy is told', () => {
  test('names, types and what is required', async () => {
    const { list, text } = await open(forecast);
    expect(text).toBeNull();
    expect(list).toEqual([
      { name: 'city', type: 'text', required: true, description: 'Where.' },
      { name: 'days', type: 'whole number', required: true, description: '' },
      { name: 'unit', type: '"celsius" or "fahrenheit"', required: false, description: '' },
    ]);
  });

  test.each([
    [{ properties: { q: { type: 'string', examples: ['Oslo'] } }, required: ['q'] }, 'Oslo'],
    [
      { properties: { a: { type: 'number' }, b: { type: 'integer', minimum: 5 } }, required: ['a', 'b'] },
      '{"a":1,"b":5}',
    ],
    [
      {
        properties: { day: { type: 'string', format: 'date' }, n: { type: 'null' } },
        required: ['day', 'n'],
      },
      '{"day":"2025-01-31","n":null}',
    ],
    [
      { properties: { ids: { type: 'array', items: { type: 'string' } } }, required: ['ids'] },
      '{"ids":["some text"]}',
    ],
    [
      {
        properties: { at: { $ref: '#/$defs/at' } },
        required: ['at'],
        $defs: { at: { type: 'object', properties: { x: { type: 'number' } }, required: ['x'] } },
      },
      '{"at":{"x":1}}',
    ],
    // No made-up value fits a pattern: the types stand in its place.
    [
      {
        properties: { code: { type: 'string', pattern: '^[A-Z]{3}$' }, n: { type: 'number' } },
        required: ['code', 'n'],
      },
      '{"code":"(text)","n":"(number)"}',
    ],
    [{}, '{}'],
  ])('the example for %j is %s', async (schema, example) => {
    expect((await open(schema)).example).toBe(example);
    expect((await open(schema, 'mine')).example).toBe('mine');
  });

  test('a schema may hold itself', async () => {
    const tree = { type: 'object', properties: { left: { $ref: '#/$defs/tree' } }, required: ['left'] };
    const { list } = await open({ properties: { tree: { $ref: '#/$defs/tree' } }, $defs: { tree } });
    expect(list).toEqual([{ name: 'tree', type: 'object', required: false, description: '' }]);
    const endless = await open({ properties: { tree }, required: ['tree'], $defs: { tree } });
    expect(endless.example).toBe('{"tree":"(object)"}');
  });
});

test.each([
  [
    { type: 'string' },
    'tools.it: the parameters of a tool are an object: expected `type: object`, found "string"',
  ],
  [
    { properties: { a: { type: 'nonsense' } } },
    'tools.it: expected a JSON Schema, found one that cannot be checked',
  ],
  [
    { $ref: 'https://elsewhere.example/schema' },
    'tools.it: expected a JSON Schema, found one that cannot be checked',
  ],
  [
    { properties: { a: { pattern: '(' } } },
    'tools.it: expected a JSON Schema, found one that cannot be checked',
  ],
  [{ $schema: 'http://json-schema.org/draft-03/schema#' }, 'tools.it: expected a JSON Schema'],
])('%j is refused', async (schema, message) => {
  await expect(open(schema)).rejects.toThrow(ConfigError);
  await expect(open(schema)).rejects.toThrow(message);
});
