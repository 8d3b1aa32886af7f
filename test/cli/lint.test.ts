/** `swirl lint` and `swirl graph`: what they print, and their exit codes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Command } from 'commander';
import { register as registerGraph } from '../../src/cli/graph.ts';
import { register as registerLint } from '../../src/cli/lint.ts';
import { ConfigError, DataError } from '../../src/errors.ts';

const FINE =
  "tasks: {sums: {instructions: '', tools: [calculator]}}\ntools: {calculator: {kind: calculator}}\npolicy: {kind: openai, model: m}\nlearner: {checkpoint: .}\n";

let folder: string;
const file = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-lint-'));
  // What lint looks for in the learner's folder, which is this one.
  for (const name of ['config.json', 'model.safetensors', 'tokenizer.json']) writeFileSync(file(name), '{}');
  writeFileSync(file('fine.yaml'), FINE.replace("instructions: '', ", ''));
  writeFileSync(file('warned.yaml'), FINE);
  writeFileSync(file('bad.yaml'), 'sede: 3\nrun: a b\n');
  writeFileSync(file('unsound.yaml'), `${FINE}topics: {scored: {partitions: 2}}\n`);
  writeFileSync(
    file('questions.jsonl'),
    '{"text": "a", "task": "sums"}\n{"text": "b", "task": "sum", "answer": "1"}\n',
  );
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
});

async function run(...args: string[]): Promise<{ out: string; err: string; code: unknown }> {
  const out: string[] = [];
  const err: string[] = [];
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0);
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => err.push(String(text)) > 0);
  const program = new Command('swirl').exitOverride();
  registerLint(program);
  registerGraph(program);
  await program.parseAsync(['node', 'swirl', ...args]);
  return { out: out.join(''), err: err.join(''), code: process.exitCode ?? 0 };
}

describe('swirl lint', () => {
  test('a file without problems', async () => {
    expect(await run('lint', file('fine.yaml'))).toEqual({
      out: `${file('fine.yaml')}: fine\n`,
      err: '',
      code: 0,
    });
  });

  test('warnings are told and are no failure', async () => {
    const { out, code } = await run('lint', file('warned.yaml'));
    expect(out).toContain('[no-instructions]');
    expect(out).toMatch(/: 0 errors, 1 warning\n$/);
    expect(code).toBe(0);
  });

  test('errors are told with place and source line, and counted', async () => {
    const { out, code } = await run('lint', file('bad.yaml'));
    expect(out.split('\n').slice(0, 3)).toEqual([
      `${file('bad.yaml')}:1:1: error: unknown key "sede" at the top level; did you mean \`seed\`? [unknown-key]`,
      '    1 | sede: 3',
      '      | ^',
    ]);
    expect(out).toMatch(/: 2 errors, 0 warnings\n$/);
    expect(code).toBe(1);
  });

  test('as JSON for programs', async () => {
    const { out, code } = await run(
      'lint',
      file('unsound.yaml'),
      '--json',
      '--set',
      'tasks.sums.instructions=x',
    );
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      questions: null,
      problems: [
        {
          rule: 'scored-partitions',
          path: 'topics.scored.partitions',
          line: 5,
          column: 31,
          severity: 'error',
        },
      ],
    });
    expect(code).toBe(1);
  });

  test('questions that do not fit are counted and shown', async () => {
    const more = ['--questions', file('questions.jsonl'), '--set', 'stages.filter.mode=outcome'];
    const { out, code } = await run('lint', file('fine.yaml'), ...more);
    expect(out).toContain('questions.jsonl:1: expected a gold answer, found none');
    expect(out).toContain('questions.jsonl:2: the task "sum" is not under `tasks`; did you mean `sums`?');
    expect(out).toContain('2 of 2 questions do not fit');
    expect(code).toBe(1);
  });

  test('a file that cannot be read, an unknown data set and a malformed question are errors of their own', async () => {
    await expect(run('lint', file('none.yaml'))).rejects.toThrow(ConfigError);
    const questions = ['--questions', file('questions.jsonl'), '--dataset'];
    await expect(run('lint', file('fine.yaml'), ...questions, 'gsm')).rejects.toThrow(
      'expected one of questions, json-lines, gsm8k',
    );
    await expect(run('lint', file('fine.yaml'), ...questions, 'gsm8k')).rejects.toThrow(DataError);
  });

  test('the reference and the schema', async () => {
    expect((await run('lint', '--reference')).out).toContain('| `stages.filter.mode` |');
    expect(JSON.parse((await run('lint', '--schema')).out)).toHaveProperty('properties.stages');
  });
});

describe('swirl graph', () => {
  test('draws, in ASCII where it is asked to', async () => {
    const { out, code } = await run('graph', file('fine.yaml'), '--ascii');
    expect(out).toContain('--> |  rollout  |');
    expect(code).toBe(0);
  });

  test('Mermaid and JSON', async () => {
    expect((await run('graph', file('fine.yaml'), '--mermaid')).out).toMatch(/^flowchart LR\n/);
    expect(JSON.parse((await run('graph', file('fine.yaml'), '--json')).out)).toMatchObject({
      outputs: ['updates'],
    });
  });

  test('what is wrong goes to stderr; a drawing is made where the shape allows it', async () => {
    const unsound = await run('graph', file('unsound.yaml'), '--ascii');
    expect(unsound.err).toContain('[scored-partitions]');
    expect(unsound.out).toContain('rollout');
    expect(unsound.code).toBe(1);
    expect((await run('graph', file('bad.yaml'))).out).toBe('');
  });
});
