import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { SwirlError } from '../../src/errors.ts';
import { openTool, sharing } from '../../src/open-parts.ts';
import { unionOf } from '../../src/parts/kind.ts';
import { openTools } from '../../src/tools/open-tools.ts';
import { TOOLS } from '../../src/topology/kinds.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import type { Topology } from '../../src/topology/topology.ts';

const toolConfig = unionOf(TOOLS);
const { modules } = resolveTopology({ stages: { decompose: {} }, fed: ['trajectories'] }, '/');
const makeTools = (config: Topology['tools']) => {
  const context = { seed: 0, modules, now: () => 0, notify: () => {}, env: {}, shared: sharing() };
  return openTools(config, (name, one) => openTool(name, one, context));
};

test('makes tools by name, with the tag of their kind or their own', async () => {
  const tools = await makeTools({
    calculator: toolConfig.parse({ kind: 'calculator' }),
    strict: toolConfig.parse({ kind: 'calculator', tag: 'strict_exp', maxLength: 5 }),
  });
  expect(tools.map(({ name, tag }) => [name, tag])).toEqual([
    ['calculator', 'math_exp'],
    ['strict', 'strict_exp'],
  ]);
  const { signal } = new AbortController();
  expect((await tools[0]?.call('1000 + 1', { signal }))?.text).toBe('1001');
  expect((await tools[1]?.call('1000 + 1', { signal }))?.status).toBe('REFUSED');
});

test('two tools of one MCP server share its process, and any HTTP endpoint is a tool', async () => {
  const faulty = fileURLToPath(new URL('mcp/faulty-server.js', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'swirl-tools-'));
  const starts = join(folder, 'starts');
  const server = { command: process.execPath, args: [faulty, 'serve', starts] };
  const tools = await makeTools({
    echo: toolConfig.parse({ kind: 'mcp', tag: 'echo', tool: 'echo', server }),
    refuse: toolConfig.parse({ kind: 'mcp', tag: 'refuse', tool: 'refuse', server }),
    wiki: toolConfig.parse({ kind: 'http', tag: 'wiki', url: 'http://127.0.0.1:9/{{argument}}' }),
  });
  const { signal } = new AbortController();
  expect(existsSync(starts)).toBe(false);
  expect((await tools[0]?.call('hello', { signal }))?.text).toBe('hello');
  expect((await tools[1]?.call('hello', { signal }))?.text).toBe('Refused: there is no such city');
  expect(readFileSync(starts, 'utf8').trim().split('\n')).toHaveLength(1);
  expect(tools[2]).toMatchObject({ name: 'wiki', tag: 'wiki', pure: false, concurrency: 8 });
  for (const tool of tools) await tool.close();
  rmSync(folder, { recursive: true });
});

test.each([
  [{ kind: 'calculator', tag: 'answer' }, '<answer> is already the tag of the answer'],
  [{ kind: 'calculator', tag: 'math_exp' }, '<math_exp> is already the tag of tools.one'],
  [{ kind: 'search', corpus: '/nowhere/corpus.jsonl' }, '/nowhere/corpus.jsonl: there is no such file'],
])('refuses %j', async (second, message) => {
  const made = makeTools({ one: toolConfig.parse({ kind: 'calculator' }), two: toolConfig.parse(second) });
  await expect(made).rejects.toThrow(SwirlError);
  await expect(made).rejects.toThrow(message);
});

test.each([
  { kind: 'calculator', tag: 'a b' },
  { kind: 'calculator', tag: '' },
  { kind: 'search' },
  { kind: 'python' },
])('the configuration %j is wrong', (config) => {
  expect(toolConfig.safeParse(config).success).toBe(false);
});
