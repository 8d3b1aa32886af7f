/** Settings of a tool that an MCP server offers (https://modelcontextprotocol.io), and of the server. */
import { z } from 'zod';
import { TAG_PATTERN } from '../../agent/action.ts';
import { callSettings, toldSettings } from '../call-settings.ts';
import { headerSettings } from '../header-settings.ts';

const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable');

/** What both ways to a server have. */
const life = {
  connectTimeoutMs: z
    .int()
    .min(1)
    .max(600_000)
    .default(60_000)
    .describe(
      'Longest time until the server has said what it is and offers; the first start of `npx` downloads.',
    ),
  restarts: z
    .int()
    .min(0)
    .max(1000)
    .default(5)
    .describe(
      'A server that ended, or cannot be reached, is started or connected to again so many times without an answer in between; then its calls are failures.',
    ),
  backoffMs: z.int().min(1).default(500).describe('Pause before the first of them; doubles each time.'),
  maxBackoffMs: z.int().min(1).default(30_000).describe('The longest pause.'),
  maxMessageBytes: z
    .int()
    .min(1024)
    .max(100_000_000)
    .default(4_194_304)
    .describe('A larger message of the server ends the connection: the calls in flight are told.'),
  protocol: z
    .enum(['initialize', 'discover'])
    .default('initialize')
    .describe(
      'initialize: the handshake of revisions up to 2025-11-25, which nearly every server speaks. discover: asks for revision 2026-07-28 first.',
    ),
};

const stdioServer = z.strictObject({
  command: z
    .string()
    .min(1)
    .describe('The program that is the server, such as `npx`; started once per process.'),
  args: z.array(z.string()).default([]).describe('Its arguments.'),
  env: z
    .array(variable)
    .default([])
    .describe(
      'Names of environment variables that it is given, beside PATH, HOME and the like. It gets no others.',
    ),
  cwd: z.string().min(1).default('.').describe("Its working folder; '.' is the topology's."),
  maxStderrChars: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(1000)
    .describe('What is kept of the end of its standard error, to be told where it ends unasked.'),
  stopMs: z
    .int()
    .min(0)
    .max(60_000)
    .default(2000)
    .describe('How long it has to end by itself when its input is closed, and again when it is told to.'),
  ...life,
});

const httpServer = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .refine((url) => !URL.canParse(url) || (new URL(url).username === '' && new URL(url).password === ''), {
      error: 'expected a URL without user name and password; name the variable that holds them in headersEnv',
    })
    .describe('The endpoint of its streamable HTTP transport, such as `https://tools.example/mcp`.'),
  ...headerSettings,
  ...life,
});

export type StdioServerConfig = z.output<typeof stdioServer>;
export type HttpServerConfig = z.output<typeof httpServer>;
export type McpServerConfig = StdioServerConfig | HttpServerConfig;

export const mcpConfig = z.strictObject({
  tag: z.string().regex(TAG_PATTERN).describe('The tag that calls the tool.'),
  tool: z
    .string()
    .min(1)
    .describe(
      "The tool's name at the server. Each tool has an entry of its own; equal servers are started once.",
    ),
  server: z
    .union([stdioServer, httpServer])
    .describe(
      'A program that speaks MCP on its standard input and output, or the URL of one that is running.',
    ),
  ...toldSettings({ description: 'what the server says', example: 'the schema' }),
  parameters: z
    .record(z.string(), z.json())
    .nullable()
    .default(null)
    .describe(
      'JSON Schema of its arguments, by which calls are checked; null: what the server says when the run begins.',
    ),
  timeoutMs: z
    .int()
    .min(1)
    .max(3_600_000)
    .default(25_000)
    .describe(
      'Longest time for one call; the server is then told to stop. The stage `tools` has a limit of its own.',
    ),
  ...callSettings,
  maxDescriptionChars: z
    .int()
    .min(1)
    .max(100_000)
    .default(2000)
    .describe("A server's longer description of its tool is cut."),
});
export type McpConfig = z.output<typeof mcpConfig>;
