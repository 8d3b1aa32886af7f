/** Which calls of other people's tools are the same call, and which are counted. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Tool } from '../../src/agent/tool.ts';
import { ToolError } from '../../src/errors.ts';
import { cacheConfig } from '../../src/spending/cache-config.ts';
import { type OpenSpending, openSpending } from '../../src/spending/open-spending.ts';
import { budgetConfig, pricesConfig } from '../../src/spending/spending-config.ts';
import { paidTool } from '../../src/tools/paid-tool.ts';
import type { Observation } from '../../src/topics/records.generated.ts';

let folder: string;
let spending: OpenSpending;
let calls: string[];
const { signal } = new AbortController();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-paid-tool-'));
  calls = [];
  spending = openSpending(
    {
      folder,
      cache: cacheConfig.parse({}),
      prices: pricesConfig.parse({ tools: { find: { call: 0.5 } } }),
      budget: budgetConfig.parse({}),
    },
    { run: null, notify: () => {} },
  );
});
afterEach(() => {
  spending.close();
  rmSync(folder, { recursive: true, force: true });
});

const HTTP = {
  kind: 'http',
  tag: 'find',
  url: 'http://x/{{argument}}',
  body: null,
  pure: false,
  cached: true,
};

function tool(
  config: Parameters<typeof paidTool>[1]['config'],
  answer: (argument: string) => Partial<Observation> = () => ({}),
  parameters: object = { type: 'object' },
): Tool {
  const made: Tool = {
    ...{ name: 'find', tag: 'find' },
    describe: async () => ({ description: 'd', parameters: { ...parameters }, example: 'e' }),
    call: async (argument) => {
      calls.push(argument);
      return {
        tool: 'find',
        status: 'OK',
        text: `${argument} ${calls.length}`,
        ...answer(argument),
      } as Observation;
    },
    close: async () => {},
  };
  return paidTool(made, { config, paid: spending.paying });
}

const texts = async (...tools: readonly Tool[]) => {
  const found: string[] = [];
  for (const one of tools) found.push((await one.call('a', { signal })).text);
  return found;
};

describe('a call is made once', () => {
  test('of one argument, however it is asked for, and at once too', async () => {
    const slow = {
      ...HTTP,
      timeoutMs: 5,
      retry: { attempts: 9 },
      concurrency: 3,
      tokenEnv: 'OTHER',
      tag: 'seek',
    };
    expect(await texts(tool(HTTP), tool(HTTP), tool(slow))).toEqual(['a 1', 'a 1', 'a 1']);
    const one = tool(HTTP);
    const both = await Promise.all([one.call('b', { signal }), one.call('b', { signal })]);
    expect(both.map(({ text }) => text)).toEqual(['b 2', 'b 2']);
    expect(spending.paying.spending().total).toMatchObject({ requests: 2, kept: 3, money: 1 });
  });

  test.each([
    ['another address', { ...HTTP, url: 'http://y/{{argument}}' }],
    ['another body', { ...HTTP, body: { path: '{{argument}}', tag: 'x' } }],
    ['another header', { ...HTTP, headers: { Accept: 'text/csv' } }],
    ['another length', { ...HTTP, maxChars: 7 }],
    ['another kind', { ...HTTP, kind: 'mcp', server: { url: 'http://x' } }],
    ['another module', { ...HTTP, kind: 'module', hash: 'b' }],
  ])('and again with %s', async (_, other) => {
    expect(await texts(tool(HTTP), tool(other))).toEqual(['a 1', 'a 2']);
    // Bodies that differ only where a key is named as a setting is.
    const body = { ...HTTP, body: { path: '{{argument}}', tag: 'y' } };
    expect(await texts(tool(body))).toEqual(['a 3']);
  });

  test('and again with another schema', async () => {
    expect(await texts(tool(HTTP), tool(HTTP, undefined, { type: 'object', required: ['x'] }))).toEqual([
      'a 1',
      'a 2',
    ]);
  });
});

describe('calls are made each time', () => {
  test('of tools that do not say otherwise, and counted', async () => {
    const plain = { ...HTTP, cached: null };
    expect(await texts(tool(plain), tool(plain))).toEqual(['a 1', 'a 2']);
    expect(await texts(tool({ ...plain, pure: true }), tool({ ...plain, pure: true }))).toEqual([
      'a 3',
      'a 3',
    ]);
    expect(spending.paying.spending().total).toMatchObject({ requests: 3, kept: 1 });
  });

  test('where they failed', async () => {
    const refuses = tool(HTTP, () => ({ status: 'REFUSED' }));
    expect(await texts(refuses, refuses)).toEqual(['a 1', 'a 2']);
    const breaks = tool(HTTP, () => {
      throw new ToolError('broken');
    });
    await expect(breaks.call('c', { signal })).rejects.toThrow('broken');
    await expect(breaks.call('c', { signal })).rejects.toThrow('broken');
    expect(calls).toHaveLength(4);
    expect(spending.paying.spending().total).toMatchObject({ requests: 4, failed: 2, kept: 0, open: 0 });
  });

  test('of those that compute here, and nobody counts them', async () => {
    const here = { kind: 'calculator' };
    expect(await texts(tool(here), tool(here))).toEqual(['a 1', 'a 2']);
    expect(spending.paying.spending().by).toEqual([]);
  });
});
