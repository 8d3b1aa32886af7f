/** Other people's tools, through the door of paid requests: their calls are counted, and kept where they say so. */
import type { Paid } from '../agent/paid.ts';
import type { Tool } from '../agent/tool.ts';
import type { Observation } from '../topics/records.generated.ts';

/** What can be asked of a tool elsewhere, or of a module of one's own. */
const PAID_KINDS = ['http', 'mcp', 'module'];

/** How a call is made, or what is told of the tool: nothing of what it shows depends on these settings. */
const FREE_KEYS = new Set([
  ...[
    'timeoutMs',
    'connectTimeoutMs',
    'retry',
    'restarts',
    'backoffMs',
    'maxBackoffMs',
    'stopMs',
    'concurrency',
  ],
  ...[
    'tokenEnv',
    'headersEnv',
    'env',
    'check',
    'pure',
    'cached',
    'example',
    'maxStderrChars',
    'maxMessageBytes',
  ],
  // A function is compared by what it says, a module by its hash.
  ...['tag', 'description', 'maxDescriptionChars', 'function', 'path', 'protocol'],
]);

interface ToolConfig {
  readonly kind: string;
  readonly pure?: boolean;
  readonly cached?: boolean | null;
}

/** The tool as it is, where its calls cost nobody anything. */
export function paidTool(
  tool: Tool,
  { config, paid }: { readonly config: ToolConfig; readonly paid: Paid },
): Tool {
  if (!PAID_KINDS.includes(config.kind)) return tool;
  const { cached = false, pure = false } = config;
  const isKept = cached ?? pure;
  const { server, ...own } = withoutFree(config) as { readonly server?: object };
  const settings = server === undefined ? own : { ...own, server: withoutFree(server) };
  let schema: Promise<object | null> | undefined;
  const schemaOf = (signal: AbortSignal) => {
    schema ??= describe(tool, signal);
    // Asked again where it could not be had.
    schema.catch(() => {
      schema = undefined;
    });
    return schema;
  };
  return {
    ...{ name: tool.name, tag: tool.tag },
    ...(tool.pure === undefined ? {} : { pure: tool.pure }),
    ...(tool.concurrency === undefined ? {} : { concurrency: tool.concurrency }),
    ...(tool.callForm && { callForm: (argument: string) => tool.callForm?.(argument) ?? argument }),
    ...(tool.describe && { describe: (signal: AbortSignal) => tool.describe?.(signal) as never }),
    ...(tool.open && { open: (signal: AbortSignal) => tool.open?.(signal) as Promise<void> }),
    call: async (argument, options) => {
      const { name } = tool;
      const parameters = isKept ? await schemaOf(options.signal) : null;
      const key = isKept ? { asks: 'tool', name, settings, parameters, argument } : null;
      return paid.ask<Observation>(
        { stage: 'tools', model: name, kind: 'tool', key },
        {
          send: async () => JSON.stringify(await tool.call(argument, options)),
          read: async (text) => {
            const value = JSON.parse(text) as Observation;
            return { value, keep: value.status === 'OK' };
          },
        },
      );
    },
    close: () => tool.close(),
  };
}

function withoutFree(settings: object): object {
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !FREE_KEYS.has(key)));
}

async function describe(tool: Tool, signal: AbortSignal): Promise<object | null> {
  return (await tool.describe?.(signal))?.parameters ?? null;
}
