/** The rules about tools of other people: what breaks them, what they say, and what mends it. */
import type { Case } from './learning-rule-cases.ts';

const WEB = "tools.web={kind: http, tag: web, description: d, url: 'https://x.example/{{argument}}'";
const USED = 'tasks.sums.tools=[calculator, web]';
const DENSE = 'tools.web={kind: search, tag: web, corpus: c.jsonl, ranking: dense, embeddings: {model: m, ';
const MCP = 'tools.web={kind: mcp, tag: web, tool: t, server: ';

export const TOOL_CASES: readonly Case[] = [
  {
    rule: 'missing-tool-variable',
    severity: 'warning',
    set: [`${WEB}, tokenEnv: ABSENT}`, USED],
    context: { env: {} },
    path: 'tools.web.tokenEnv',
    says: '`ABSENT` is not set',
    mended: { set: [`${WEB}}`, USED], context: { env: {} } },
  },
  {
    rule: 'missing-tool-variable',
    severity: 'warning',
    set: [`${WEB}, headersEnv: {X-Key: ABSENT}}`, USED],
    context: { env: {} },
    path: 'tools.web.headersEnv.X-Key',
    says: 'the run would stop at its start',
    mended: { set: [`${WEB}, headersEnv: {X-Key: PRESENT}}`, USED], context: { env: { PRESENT: 'x' } } },
  },
  {
    rule: 'missing-tool-variable',
    severity: 'warning',
    set: [`${MCP}{command: node, env: [PRESENT, ABSENT]}}`, USED],
    context: { env: { PRESENT: 'x' } },
    path: 'tools.web.server.env.1',
    says: '`ABSENT` is not set',
  },
  {
    rule: 'argument-unsent',
    severity: 'warning',
    set: ["tools.web={kind: http, tag: web, url: 'https://x.example/', description: It., example: x}", USED],
    path: 'tools.web',
    says: 'nothing of the argument is sent',
    mended: { set: [`${WEB}}`, USED] },
  },
  {
    rule: 'open-token',
    severity: 'warning',
    set: [`${MCP}{url: 'http://tools.example/mcp', tokenEnv: T}}`, USED],
    path: 'tools.web.server.url',
    says: 'expected an https address',
    mended: { set: [`${MCP}{url: 'http://127.0.0.1:1/mcp', tokenEnv: T}}`, USED] },
  },
  {
    rule: 'open-token',
    severity: 'warning',
    set: [`${DENSE}baseUrl: 'http://e.example/v1', apiKeyEnv: T}}`, USED],
    path: 'tools.web.embeddings.baseUrl',
    says: 'expected an https address',
    mended: { set: [`${DENSE}baseUrl: 'https://e.example/v1', apiKeyEnv: T}}`, USED] },
  },
  {
    rule: 'missing-tool-variable',
    severity: 'warning',
    set: [`${DENSE}apiKeyEnv: ABSENT}}`, USED],
    context: { env: {} },
    path: 'tools.web.embeddings.apiKeyEnv',
    says: '`ABSENT` is not set',
  },
  {
    rule: 'unused-embeddings',
    severity: 'warning',
    set: ['tools.web={kind: search, tag: web, corpus: c.jsonl, embeddings: {model: m}}', USED],
    path: 'tools.web.embeddings',
    says: 'write `dense` or `fused`',
    mended: { set: [`${DENSE}}}`, USED] },
  },
  {
    rule: 'untold-tool',
    severity: 'warning',
    set: ["tools.web={kind: http, tag: web, url: 'https://x.example/{{argument}}'}", USED],
    path: 'tools.web',
    says: 'policies are told of `web` only its tag',
    mended: { set: [`${WEB}}`, USED] },
  },
  {
    rule: 'missing-file',
    set: [`${WEB}, function: weather.json}`, USED],
    context: { exists: (path) => !path.endsWith('weather.json') },
    path: 'tools.web.function',
    says: 'weather.json (paths are relative',
  },
  {
    rule: 'missing-file',
    set: [`${MCP}{command: node, cwd: servers}}`, USED],
    context: { exists: (path) => !path.endsWith('servers') },
    path: 'tools.web.server.cwd',
    says: 'servers (paths are relative',
  },
  {
    rule: 'shared-tag',
    set: [`${WEB.replace('tag: web', 'tag: math_exp')}}`, USED],
    path: 'tools.web.tag',
    says: '<math_exp> is already the tag of the tool `calculator`',
  },
  {
    rule: 'missing-key',
    set: ["tools.web={kind: http, url: 'https://x.example/{{argument}}'}", USED],
    path: 'tools.web.tag',
    says: 'expected a text',
  },
  {
    rule: 'wrong-value',
    set: ["tools.web={kind: http, tag: web, url: 'https://{{argument}}/'}", USED],
    path: 'tools.web.url',
    says: 'the argument has no place in the host',
  },
];
