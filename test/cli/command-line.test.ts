/** What holds of every command: its help, its exit codes, and options that mean the same everywhere. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { makeProgram } from '../../src/cli/program.ts';

// The help says how the command was called, which in a test is no way that anybody would.
process.argv[1] = fileURLToPath(new URL('../../bin/swirl.js', import.meta.url));
const program = await makeProgram();
const binary = fileURLToPath(new URL('../../bin/swirl.js', import.meta.url));

/** The commands that do something, with their names as they are typed. */
function commands(of: Command = program, before = ''): [string, Command][] {
  return of.commands.flatMap((command) => {
    const name = `${before}${command.name()}`;
    return command.commands.length > 0
      ? commands(command, `${name} `)
      : [[name, command] as [string, Command]];
  });
}

function helpOf(command: Command): string {
  let text = '';
  const output = { writeOut: (part: string) => (text += part), getOutHelpWidth: () => 80 };
  command.configureOutput(output).outputHelp();
  return text;
}

let folder: string;
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'swirl-command-line-')));
});
afterAll(() => rmSync(folder, { recursive: true }));

function swirl(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [binary, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', HOME: '/home/ada' },
  });
  return { code: status, stdout, stderr };
}

describe.each([['swirl', program] as [string, Command], ...commands()])('the help of %s', (_, command) => {
  test('fits 80 columns and says what the exit codes mean', () => {
    const help = helpOf(command);
    expect(help.split('\n').filter((line) => line.length > 80)).toEqual([]);
    for (const code of [0, 1, 2]) expect(help).toMatch(new RegExp(`^ +${code} +\\S`, 'm'));
    expect(help).not.toContain('default: []');
  });

  test('no option swallows what comes after its value; --set and -t are the same everywhere', () => {
    for (const option of command.options) {
      expect({ option: option.flags, variadic: option.variadic }).toEqual({
        option: option.flags,
        variadic: false,
      });
      if (option.long === '--set') expect(option.flags).toBe('--set <path=value>');
      if (option.long === '--topology') expect(option.flags).toBe('-t, --topology <file>');
    }
  });
});

test('the list of commands has each on one line', () => {
  const help = helpOf(program);
  for (const command of program.commands) {
    expect(help).toMatch(new RegExp(`^  ${command.name()} +${command.summary().slice(0, 10)}`, 'm'));
  }
});

test('--set repeats, before and after the file, and the last one counts', () => {
  writeFileSync(join(folder, 'fine.yaml'), 'tasks: {sums: {}}\nlearner: null\n');
  const { stderr, code } = swirl('graph', '--set', 'run=a', 'fine.yaml', '--set', 'seed=x', '--set', 'fed=y');
  expect(stderr).toContain('command line: error: `seed`: expected a finite number, found "x"');
  expect(stderr).toContain('--set fed=y');
  expect(stderr).not.toContain('run=a');
  expect(code).toBe(1);
  expect(swirl('lint', '--set', 'seed=x', 'fine.yaml', '--set', 'seed=3').stdout).not.toContain('`seed`');
});

test.each([
  [['score', '--policy=~/tiny', '--texts', 'x'], '--policy=/home/ada/tiny'],
  [['lint', 'fine.yaml', '--set', 'policy.checkpoint=~/tiny'], 'write policy.checkpoint=/home/ada/tiny'],
  [['feed', '~/train.jsonl'], 'write /home/ada/train.jsonl'],
])('a `~` that no shell wrote out is explained: %j', (args, instead) => {
  const { stderr, code } = swirl(...args);
  expect(stderr).toContain('`~` is written out by shells only');
  expect(stderr).toContain(instead);
  expect(code).toBe(2);
});

describe('a topology that is not named', () => {
  test('is asked for, with those that are here and a way to make one', () => {
    writeFileSync(join(folder, 'mine.yaml'), '');
    const { stderr, code } = swirl('tap', 'judged');
    expect(stderr).toContain('name yours with `-t FILE`');
    expect(stderr).toContain('mine.yaml');
    expect(stderr).toMatch(/cp \S*topology\.yaml my\.yaml/);
    expect(code).toBe(2);
    expect(swirl('run').stderr).toContain('name yours with `swirl run FILE`');
  });

  test('given as an argument where -t is wanted', () => {
    const { stderr, code } = swirl('tap', 'judged', 'mine.yaml');
    expect(stderr).toContain('`-t mine.yaml`');
    expect(code).toBe(2);
  });

  test('given twice, and not the same', () => {
    const { stderr, code } = swirl('lint', 'a.yaml', '-t', 'b.yaml');
    expect(stderr).toContain('expected one topology, found two: a.yaml, and --topology b.yaml');
    expect(code).toBe(2);
  });
});

test('nobody to hear its messages is no error', async () => {
  const child = spawn(process.execPath, [binary, 'curves', 'none'], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  child.stderr.destroy();
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(code).toBe(2);
});

test('what the disk refuses is one sentence, without a stack', () => {
  writeFileSync(join(folder, 'file'), '');
  const gguf = fileURLToPath(new URL('../fixtures/gguf/llama.gguf', import.meta.url));
  const { code, stderr } = swirl('gguf', gguf, 'file/policy');
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^swirl: .*file.*\n$/) });
  expect(swirl('gguf', '.', 'policy')).toMatchObject({
    code: 1,
    stderr: 'swirl: .: expected a GGUF file, found no file\n',
  });
});
