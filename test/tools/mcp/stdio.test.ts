import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ConfigError, ToolError } from '../../../src/errors.ts';
import type { McpServer } from '../../../src/tools/mcp/mcp-server.ts';
import type { McpTool } from '../../../src/tools/mcp/mcp-tool.ts';
import { until } from '../../patience.ts';
import { everything, openTool } from './open-tool.ts';

const faulty = fileURLToPath(new URL('faulty-server.js', import.meta.url));
const { signal } = new AbortController();

let folder = '';
let notes: string[] = [];
let waited: number[] = [];
let servers: McpServer[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-mcp-'));
  [notes, waited, servers] = [[], [], []];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  rmSync(folder, { recursive: true });
});

function tool(name: string, server: object, settings: object = {}): McpTool {
  const env = { GIVEN: 'given', KEPT: 'secret', LEAKED: 'very-secret' };
  const notify = (note: string) => void notes.push(note);
  const sleep = async (ms: number) => void waited.push(ms);
  const opened = openTool({ tool: name, server, ...settings }, { env, notify, sleep });
  servers.push(opened.server);
  return opened.tool;
}

/** A tool of the faulty server, whose starts are counted in the folder. */
function broken(
  name: string,
  settings: Record<string, unknown> = {},
  server: Record<string, unknown> = {},
): McpTool {
  const counted = { command: process.execPath, args: [faulty, 'serve', join(folder, 'starts')] };
  return tool(name, { ...counted, ...server }, settings);
}

function starts(): number[] {
  return readFileSync(join(folder, 'starts'), 'utf8').trim().split('\n').map(Number);
}

async function ask(from: McpTool, argument = 'hello'): Promise<[string, string]> {
  const { status, text, tool: name } = await from.call(argument, { signal });
  expect(name).toBe('it');
  return [status, text];
}

/** Whether a process runs; one that nobody has waited for yet does not. */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** Waits until none of them runs: the kernel lets go of a process some time after it was killed. */
async function gone(pids: readonly number[]): Promise<void> {
  await until('the end of the processes', () => !pids.some(alive));
}

describe('a published server', () => {
  const server = { command: process.execPath, args: [everything, 'stdio'] };

  test('is told arguments as JSON, or as text where it takes one text', async () => {
    const sum = tool('get-sum', server);
    await sum.open(signal);
    expect(await sum.describe(signal)).toMatchObject({ example: '{"a":1,"b":1}' });
    expect(await ask(sum, '{"a": 2, "b": 40}')).toEqual(['OK', 'The sum of 2 and 40 is 42.']);
    expect(await ask(sum, '{"a": 2, "b": "x"}')).toEqual([
      'REFUSED',
      'Refused: the argument does not fit: b must be number (number); expected JSON such as {"a":1,"b":1}.',
    ]);
    const echo = tool('echo', server);
    expect(await ask(echo, 'two words')).toEqual(['OK', 'Echo: two words']);
    expect(await ask(echo, '{"message": "as JSON"}')).toEqual(['OK', 'Echo: as JSON']);
  });

  test('names what is no text, and asks for nothing that is not there', async () => {
    const image = tool('get-tiny-image', server);
    expect(await ask(image, '{}')).toEqual([
      'OK',
      expect.stringMatching(/\[image, image\/png, \d+ bytes, not shown\]/),
    ]);
    await expect(tool('get-moon', server).open(signal)).rejects.toThrow(
      /^tools\.it\.tool: the server offers no tool "get-moon"; it offers: echo, /,
    );
  });

  test('a call that takes too long is given up, and the server goes on', async () => {
    const long = tool('trigger-long-running-operation', server, { timeoutMs: 200 });
    expect(await ask(long, '{"duration": 60, "steps": 2}')).toEqual([
      'TIMED_OUT',
      'it did not answer in 200 ms.',
    ]);
    expect(notes).toEqual([expect.stringContaining('tools.it: no answer in 200 ms (timeoutMs)')]);
    const short = { duration: 0.01, steps: 1 };
    const call = { tool: 'trigger-long-running-operation', arguments: short, timeoutMs: 600_000, signal };
    const { result } = await (servers[0] as McpServer).call(call);
    expect(JSON.stringify(result.content)).toContain('completed');
  });
});

describe('faults are observations', () => {
  test.each([
    ['echo', ['OK', 'hello']],
    ['refuse', ['REFUSED', 'Refused: there is no such city']],
    ['error', ['REFUSED', 'Refused: the server answered with an error: something broke']],
    ['nonsense', ['REFUSED', "Refused: the server's answer could not be understood."]],
    ['empty', ['OK', 'Nothing was found.']],
    ['structured', ['OK', '{"rain":true}']],
    [
      'image',
      [
        'OK',
        'Look:\n[image, image/png, 3 bytes, not shown]\n[audio, audio/wav, 2 bytes, not shown]\n[link to a.txt: file:///a.txt]\nof b\n[file:///c.bin, application/zip, 3 bytes, not shown]',
      ],
    ],
  ])('%s', async (name, expected) => {
    expect(await ask(broken(name))).toEqual(expected);
    expect(starts()).toHaveLength(1);
  });

  test('the record says which server answered, and what its tool is', async () => {
    const { by } = await broken('echo').call('x', { signal });
    expect(by).toEqual({
      module: 'faulty 1.2.3',
      export: 'echo',
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      settings: '{}',
    });
    const other = await broken('refuse').call('x', { signal });
    expect(other.by?.hash).not.toBe(by?.hash);
  });

  test('a server that ends in a call is told of with its last words, and started again', async () => {
    const dying = broken('die', {}, { restarts: 2, backoffMs: 10 });
    expect(await ask(dying)).toEqual(['REFUSED', "Refused: the tool's server ended before it answered."]);
    expect(await ask(dying)).toEqual(['REFUSED', "Refused: the tool's server ended before it answered."]);
    expect(await ask(dying)).toEqual(['REFUSED', "Refused: the tool's server ended before it answered."]);
    // Two restarts, and no answer in between.
    await expect(ask(dying)).rejects.toThrow(ToolError);
    expect(waited).toEqual([10, 20]);
    expect(starts()).toHaveLength(3);
    expect(
      notes.filter((note) =>
        note.includes(
          'ended with code 1; the end of its standard error: this is the faulty server a fault of mine',
        ),
      ),
    ).toHaveLength(1);
    expect(notes.filter((note) => note.includes('given up after 2 restarts'))).toHaveLength(1);
  });

  test('an answer in between makes the restarts count anew', async () => {
    const shared = broken('die', {}, { restarts: 1, backoffMs: 10 });
    const [server] = servers as [McpServer];
    for (let round = 0; round < 3; round++) {
      expect((await ask(shared))[0]).toBe('REFUSED');
      const call = { tool: 'echo', arguments: { text: 'x' }, timeoutMs: 600_000, signal };
      expect((await server.call(call)).result.content).toEqual([{ type: 'text', text: 'x' }]);
    }
    expect(starts()).toHaveLength(4);
  });

  test('secrets that it tells are in no observation and no note', async () => {
    const server = { env: ['LEAKED'] };
    expect(await ask(broken('leak', {}, server))).toEqual([
      'REFUSED',
      'Refused: the token [secret] has run out',
    ]);
    expect((await ask(broken('leak-and-die', {}, server)))[0]).toBe('REFUSED');
    await until('its last words', () => notes.some((note) => note.includes('standard error')));
    expect(notes.join()).toContain('the token [secret] has run out');
    expect(notes.join()).not.toContain('very-secret');
  });

  test('one that closes its output and goes on is ended, and another is started', async () => {
    const silent = broken('fall-silent', {}, { stopMs: 10 });
    expect(await ask(silent)).toEqual(['REFUSED', "Refused: the tool's server ended before it answered."]);
    expect(notes[0]).toContain('the server closed its standard output');
    await gone(starts());
    expect((await ask(silent))[0]).toBe('REFUSED');
    expect(starts()).toHaveLength(2);
  });

  test('a message that is too large, and a result that is too long', async () => {
    const huge = broken('huge', { maxChars: 10 }, { maxMessageBytes: 200_000 });
    expect(await ask(huge)).toEqual(['OK', 'xxxxxxxxxx [...]']);
    const larger = broken('huge', {}, { maxMessageBytes: 50_000 });
    expect(await ask(larger)).toEqual(['REFUSED', "Refused: the tool's server ended before it answered."]);
    expect(notes.join()).toContain('sent a message of more than 50000 bytes (maxMessageBytes)');
  });

  test('a run that ends takes its calls with it', async () => {
    const end = new AbortController();
    const hanging = broken('hang');
    await hanging.open(signal);
    const call = hanging.call('x', { signal: end.signal });
    end.abort(new Error('the end'));
    await expect(call).rejects.toThrow('the end');
  });
});

describe('what will not get better stops the run at its start', () => {
  test.each<[string, Record<string, unknown>, string]>([
    [
      'no such command',
      { command: '/nowhere/server' },
      'tools.it.server.command: "/nowhere/server" is not there',
    ],
    ['no such folder', { command: process.execPath, cwd: '/nowhere' }, 'or its folder /nowhere is not'],
    [
      'a variable that is not set',
      { command: process.execPath, env: ['ABSENT'] },
      'tools.it.server.env names the variable ABSENT, which is not set',
    ],
    [
      'a program that ends',
      { command: process.execPath, args: [faulty, 'die'], restarts: 1 },
      'a program that ended with code 3; the end of its standard error: this is the faulty server\ncannot find my database',
    ],
    [
      'a program that says nothing',
      { command: process.execPath, args: [faulty, 'mute'], connectTimeoutMs: 300, restarts: 0 },
      'found no answer in 300 ms (connectTimeoutMs)',
    ],
    [
      'a server that refuses',
      { command: process.execPath, args: [faulty, 'no-handshake'], restarts: 0 },
      'expected the handshake of an MCP server, found an error: not with you',
    ],
  ])('%s', async (_, server, message) => {
    const opened = tool('echo', server).open(signal);
    await expect(opened).rejects.toThrow(ConfigError);
    await expect(opened).rejects.toThrow(message);
  });

  test('a schema that cannot be checked', async () => {
    const opened = broken('echo', { parameters: { type: 'array' } }).open(signal);
    await expect(opened).rejects.toThrow('tools.it: the parameters of a tool are an object');
  });
});

describe('the process', () => {
  test('has the named variables and the usual ones, and its own folder', async () => {
    const server = { env: ['GIVEN'], cwd: folder };
    expect(await ask(broken('env', {}, server))).toEqual([
      'OK',
      JSON.stringify(['given', null, realpathSync(folder)]),
    ]);
  });

  test('is shared, started with the first call, and ended at close with all that it started', async () => {
    const stubborn = broken('child', {}, { args: [faulty, 'stay', join(folder, 'starts')], stopMs: 100 });
    const [first, second] = [await ask(stubborn), await ask(stubborn)];
    const pids = [...starts(), Number(first[1]), Number(second[1])];
    expect(pids).toHaveLength(3);
    expect(pids.map(alive)).toEqual([true, true, true]);
    await stubborn.close();
    await gone(pids);
    await expect(ask(stubborn)).rejects.toThrow('the run has ended');
    expect(notes).toEqual([]);
  });

  test('its children end with it when it dies', async () => {
    const parent = broken('child');
    const child = Number((await ask(parent))[1]);
    process.kill(starts()[0] as number, 'SIGKILL');
    await gone([child]);
    // A call that was sent before its end is known would be refused.
    await until('the end of the server to be told', () => notes.length > 0);
    expect((await ask(parent))[0]).toBe('OK');
    expect(starts()).toHaveLength(2);
    expect(notes).toEqual([expect.stringContaining('the server was ended by SIGKILL')]);
  });
});

test('nothing is started where the topology says it all and no call comes', async () => {
  const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
  const known = broken('echo', { description: 'Says it again.', parameters, example: 'Oslo' });
  expect(await known.describe(signal)).toEqual({
    description: 'Says it again.',
    parameters,
    example: 'Oslo',
  });
  await known.close();
  expect(starts).toThrow();
});
