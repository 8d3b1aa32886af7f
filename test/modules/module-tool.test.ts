import { afterAll, expect, test } from '@jest/globals';
import { ToolError } from '../../src/errors.ts';
import { moduleTool } from '../../src/modules/module-tool.ts';
import { context, expectRefusal, made } from './open.ts';
import { makeProject } from './project.ts';

const project = makeProject({
  'tools.js': `
    export const upper = (argument) => argument.toUpperCase();
    export const refuses = async () => ({ status: 'REFUSED', text: 'Refused: not today.' });
    export const says = () => ({ text: 'a lone \\ud800 surrogate' });
    export const nothing = () => ' ';
    export const throws = () => { throw Object.assign(new Error('gone'), { retryable: false }); };
    export const never = (_, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    export const hangs = () => new Promise(() => {});
    export const number = () => 4;
    export const status = () => ({ status: 'FINE', text: 'x' });
    export const rejects = () => Promise.reject();
    export const sum = {
      part: 'tool',
      parameters: {
        type: 'object',
        properties: { a: { type: 'number' }, b: { type: 'number', default: 2 } },
        required: ['a', 'b'],
      },
      make: () => (text, { arguments: { a, b } }) => text.length + ': ' + (a + b),
    };
    export const odd = { part: 'tool', parameters: { type: 'text' }, make: () => () => '' };
    export const clock = {
      part: 'tool',
      description: 'Tells the time.',
      example: 'now',
      make: (_, { name, signal }) => {
        const made = { closed: false };
        return { call: () => name + ' ' + signal.aborted, close: () => { made.closed = signal.aborted; } };
      },
    };
  `,
});
afterAll(() => project.remove());

const { signal } = new AbortController();
const open = (name: string) => {
  const settings = { path: `${project.folder}/tools.js`, export: name, tag: 'ask', timeoutMs: 50 };
  return made(moduleTool, 'mine', settings);
};
const called = async (name: string) => (await open(name)).call('x y', { signal });

test.each([
  ['upper', 'OK', 'X Y'],
  ['refuses', 'REFUSED', 'Refused: not today.'],
  ['says', 'OK', 'a lone \ufffd surrogate'],
  ['nothing', 'OK', 'Nothing was found.'],
  ['never', 'TIMED_OUT', 'mine did not answer in 50 ms.'],
  ['hangs', 'TIMED_OUT', 'mine did not answer in 50 ms.'],
  ['clock', 'OK', 'tools.mine false'],
])('%s is an observation', async (name, status, text) => {
  const observation = await called(name);
  expect(observation).toMatchObject({ tool: 'mine', status, text });
  expect(observation.by).toMatchObject({ module: 'tools.js', export: name });
});

test.each([
  ['throws', 'failed for the call "x y": Error: gone', false],
  ['rejects', 'failed for the call "x y": it threw undefined', true],
  ['number', 'gave no observation for the call "x y": expected a text', false],
  ['status', 'found an object', false],
])('%s is a fault of the tool, which it names', async (name, message, retryable) => {
  const calling = called(name);
  await expectRefusal(calling, ToolError, message, `tools.mine (tools.js, export \`${name}\`)`);
  await expect(calling).rejects.toMatchObject({ retryable });
});

test('a stopped run ends the call, for the reason that it stopped', async () => {
  const stop = new AbortController();
  const calling = (await open('hangs')).call('x', { signal: stop.signal });
  stop.abort(new Error('stopped'));
  await expect(calling).rejects.toThrow('stopped');
});

test('arguments are read and checked by the parameters that it declares', async () => {
  const tool = await open('sum');
  const ask = async (argument: string) => {
    const { status, text, by } = await tool.call(argument, { signal });
    expect(by).toMatchObject({ module: 'tools.js', export: 'sum' });
    return [status, text];
  };
  expect(await ask('{"a": 1, "b": 41}')).toEqual(['OK', '17: 42']);
  expect(await ask('1 + 41')).toEqual([
    'REFUSED',
    'Refused: the argument is not JSON: expected JSON such as {"a":1,"b":2}.',
  ]);
  expect(await ask('{"a": "1", "b": 41}')).toEqual([
    'REFUSED',
    'Refused: the argument does not fit: a must be number (number); expected JSON such as {"a":1,"b":2}.',
  ]);
  expect((await tool.describe?.(signal))?.example).toBe('{"a":1,"b":2}');
  await expect(open('odd')).rejects.toThrow(
    'export `odd`: its `parameters`: the parameters of a tool are an object: expected `type: object`, found "text"',
  );
});

test('a policy can be told of it before it is made', async () => {
  const settings = { path: `${project.folder}/tools.js`, export: 'clock', tag: 'ask' };
  const config = { ...moduleTool.settings.parse(settings), kind: 'module' as const };
  const told = await moduleTool.describe(config, { ...context, name: 'mine' }, signal);
  expect(told).toMatchObject({ description: 'Tells the time.', example: 'now' });
});

test('its definition tells the policy what it is', async () => {
  const tool = await open('clock');
  expect(await tool.describe?.(signal)).toMatchObject({ description: 'Tells the time.', example: 'now' });
  await tool.close();
});
