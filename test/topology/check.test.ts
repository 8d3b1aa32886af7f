/** What is wrong with a topology's text and shape: all of it at once, with place and source line. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ConfigError } from '../../src/errors.ts';
import { examineText, loadTopology } from '../../src/topology/load.ts';
import { formatProblem, type Problem } from '../../src/topology/problem.ts';
import { examine } from './sample.ts';

const only = (text: string): Problem => {
  const { problems } = examine({ text });
  expect(problems).toHaveLength(1);
  return problems[0];
};

describe('a problem is told with its place', () => {
  test.each([
    ['sede: 3', 'unknown-key', '1:1', 'unknown key "sede" at the top level; did you mean `seed`?'],
    [
      'stages:\n  filter: {modus: none}',
      'unknown-key',
      '2:12',
      'in `stages.filter`; known keys: mode, unknown, reads',
    ],
    ['stages:\n  flter:\n', 'unknown-key', '2:3', 'in `stages`; did you mean `filter`?'],
    ['policy: {kind: openai, model: m, apiKey: s}', 'unknown-key', '1:34', 'did you mean `apiKeyEnv`?'],
    ['policy: {kind: local, model: m}', 'unknown-key', '1:23', 'unknown key "model" in `policy`'],
    ['seed: "3"', 'wrong-type', '1:7', '`seed`: expected a finite number, found "3"'],
    ['seed: 1.5', 'wrong-type', '1:7', '`seed`: expected a whole number, found 1.5'],
    ['seed: .nan', 'wrong-type', '1:7', '`seed`: expected a finite number, found NaN'],
    ['run: [a]', 'wrong-type', '1:1', '`run`: expected a text, found a list of 1'],
    [
      'stages:\n  judge: {window: 0}',
      'out-of-range',
      '2:19',
      '`stages.judge.window`: expected at least 1, found 0',
    ],
    ['topics:\n  turns: {partitions: 2000}', 'out-of-range', '2:23', 'expected at most 1024, found 2000'],
    [
      'stages:\n  filter:\n    mode: outcom',
      'wrong-value',
      '3:11',
      'found "outcom"; did you mean `outcome`?',
    ],
    [
      'policy: {kind: locl}',
      'wrong-value',
      '1:16',
      'expected one of `local`, `openai`, found "locl"; did you mean `local`?',
    ],
    [
      'policy: {checkpoint: x}',
      'missing-key',
      '1:1',
      '`policy.kind` is missing: expected one of `local`, `openai`',
    ],
    ['policy: {kind: openai}', 'missing-key', '1:1', '`policy.model` is missing: expected a text'],
    [
      'stages:\n  train: {batch: 8}',
      'wrong-type',
      '2:18',
      '`stages.train.batch`: expected a mapping of keys, found 8',
    ],
    ['stages:\n  train: {batch: {trajectories: 0}}', 'out-of-range', '2:33', 'expected at least 1, found 0'],
    ['run: a/b', 'wrong-value', '1:6', '`run`: expected letters, digits'],
    ['tasks:\n  a.b: {}', 'wrong-name', '2:3', '`tasks.a.b`: not a usable name'],
    ['tasks:\n  t: {tools: [3]}', 'wrong-type', '2:15', '`tasks.t.tools.0`: expected a text, found 3'],
    ['run: a\nrun: b\ntasks: {t: {}}', 'duplicate-key', '2:1', '`run` is there twice'],
    ['run: "a', 'yaml-syntax', '1:8', 'not valid YAML'],
    ['run: a\n\tseed: 3', 'yaml-syntax', '2:1', 'not valid YAML'],
    ['- a', 'wrong-type', '1:1', 'expected a mapping of keys such as `stages:`, found a list'],
    ['just words', 'wrong-type', '1:1', 'found a single value'],
  ])('%j: %s', (text, rule, place, message) => {
    const problem = only(text);
    expect(problem).toMatchObject({ severity: 'error', rule });
    expect(`${problem.line}:${problem.column}`).toBe(place);
    expect(problem.message).toContain(message);
    expect(problem.source).toBe(text.split('\n')[(problem.line ?? 0) - 1]);
  });

  test('through an anchor it points at the anchored text', () => {
    const text = 'tasks:\n  a: &same\n    maxSteps: 0\n  b: *same\n';
    expect(examine({ text }).problems.map(({ line, path }) => [path, line])).toEqual([
      ['tasks.a.maxSteps', 3],
      ['tasks.b.maxSteps', 3],
    ]);
  });

  test('all problems are told at once, in the order of the file', () => {
    const text = 'sede: 3\nrun: x y\nstages:\n  judge: {window: no}\n  filter: {mode: x}\n';
    expect(examine({ text }).problems.map(({ line }) => line)).toEqual([1, 2, 4, 5]);
  });

  test('the mark stands under the column, and control characters do not reach the terminal', () => {
    const problem = only('run: "\u001b[31m x"\ntasks: {t: {}}');
    const lines = formatProblem(problem).split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[1]).toBe('    1 | run: "\ufffd[31m x"');
    expect(lines[2].indexOf('^')).toBe(lines[1].indexOf('"'));
    expect(formatProblem(problem)).not.toContain('\u001b');
  });

  test('aliases that would explode are refused', () => {
    const levels = Array.from({ length: 12 }, (_, i) =>
      i === 0
        ? 'a0: &a0 [x, x, x, x, x, x, x, x, x]'
        : `a${i}: &a${i} [${Array(9)
            .fill(`*a${i - 1}`)
            .join(', ')}]`,
    );
    expect(only(levels.join('\n'))).toMatchObject({ rule: 'yaml-syntax' });
  });

  test('`__proto__` is an unknown key and pollutes nothing', () => {
    const { topology, problems } = examine({ text: '__proto__: {polluted: 1}\ntasks: {t: {}}' });
    expect(topology).toBeNull();
    expect(problems.map(({ rule }) => rule)).toContain('unknown-key');
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  test('no text makes the check throw', () => {
    const piece = fc.constantFrom(
      ...['run', 'stages', '3', 'null', 'filter', ' ', '\n', '  '],
      ...[...':-[]{}"#!|', '&a', '*a'],
      '? ',
      '\t',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece).map((pieces) => pieces.join('')),
          fc.string(),
        ),
        (text) => {
          const { topology, problems } = examineText(text, { file: 'f', folder: '/' });
          expect(topology !== null || problems.length > 0).toBe(true);
          for (const { line } of problems)
            expect(line === null || line <= text.split(/\r\n|\n|\r/).length).toBe(true);
        },
      ),
    );
  });
});

describe('files', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'swirl-topology-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('a missing file says what to do', () => {
    const load = (): unknown => loadTopology(join(folder, 'none.yaml'));
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(/none\.yaml: there is no such file; expected a topology/);
  });

  test('a folder, other bytes and a huge file are refused', () => {
    expect(() => loadTopology(folder)).toThrow('cannot be read');
    writeFileSync(join(folder, 'bytes.yaml'), Uint8Array.of(0x72, 0xff, 0xfe));
    expect(() => loadTopology(join(folder, 'bytes.yaml'))).toThrow('bytes.yaml: not UTF-8 text');
    writeFileSync(join(folder, 'huge.yaml'), '#'.repeat(1_000_001));
    expect(() => loadTopology(join(folder, 'huge.yaml'))).toThrow('at most 1000000 bytes, found 1000001');
  });

  test('loading throws one error that lists every problem with its line', () => {
    const path = join(folder, 'bad.yaml');
    writeFileSync(path, 'sede: 1\nrun: a b\n');
    expect(() => loadTopology(path)).toThrow(
      /cannot be run: 2 problems\n.*bad\.yaml:1:1: error: unknown key "sede"[\s\S]*bad\.yaml:2:6: error/,
    );
  });

  test('warnings do not stop it', () => {
    const path = join(folder, 'warned.yaml');
    writeFileSync(path, 'tasks: {t: {}}\ntools: {calculator: {kind: calculator}}\n');
    const { topology, warnings } = loadTopology(path);
    expect(topology.folder).toBe(join(folder, 'runs'));
    expect(warnings.map(({ rule }) => rule)).toEqual(['unused-tool']);
  });
});
