/** Settings of a tool behind any HTTP endpoint. */
import { z } from 'zod';
import { TAG_PATTERN } from '../../agent/action.ts';
import { retryConfig } from '../../runtime/retry.ts';
import { callSettings, toldSettings } from '../call-settings.ts';
import { functionConfig } from '../function-schema.ts';
import { headerSettings } from '../header-settings.ts';
import { slotsOf, unknownSlots } from './slots.ts';

const SLOTS = 'expected {{argument}}, {{arguments}} or {{argument.name}}';

/** What is wrong with a URL template; null for nothing. */
function urlProblem(template: string): string | null {
  if (unknownSlots(template).length > 0) return `${unknownSlots(template)[0]}: ${SLOTS}`;
  const filled = template.replace(/\{\{[^{}]*\}\}/g, 'x');
  if (!URL.canParse(filled) || !/^https?:\/\//.test(filled)) return 'expected an http or https URL';
  const { username, password, hash, pathname, origin } = new URL(filled);
  if (username !== '' || password !== '')
    return 'expected a URL without user name and password; name the variable that holds them in headersEnv';
  if (hash !== '') return 'expected a URL without a fragment, which is never sent';
  const host = /^https?:\/\/[^/?#]*/.exec(template)?.[0] ?? '';
  if (host.includes('{{')) return 'the argument has no place in the host';
  const path = filled.slice(host.length).split('?')[0] ?? '';
  const written = path === '' ? '/' : path;
  return pathname === written ? null : `write the path as it is sent: ${origin}${pathname}`;
}

/** The first slot below a JSON value that is none of the three kinds. */
function unknownSlotIn(value: unknown): string | undefined {
  if (typeof value === 'string') return unknownSlots(value)[0];
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.values(value).map(unknownSlotIn).find(Boolean);
}

export const httpConfig = z.strictObject({
  tag: z.string().regex(TAG_PATTERN).describe('The tag that calls the tool.'),
  url: z
    .string()
    .max(2000)
    .refine((url) => urlProblem(url) === null, { error: (issue) => urlProblem(String(issue.input)) ?? '' })
    .describe(
      'The endpoint. `{{argument}}` in its path or query is what stands between the tags, `{{argument.city}}` one argument of a tool with a `function`; both percent-encoded.',
    ),
  method: z
    .enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
    .nullable()
    .default(null)
    .describe('null: POST with a `body`, GET without one.'),
  ...headerSettings,
  body: z
    .json()
    .refine((body) => unknownSlotIn(body) === undefined, { error: SLOTS })
    .default(null)
    .describe(
      'The JSON that is sent, with slots as in `url`; `"{{arguments}}"` is the whole object. null: nothing is sent.',
    ),
  pointer: z
    .string()
    .regex(/^(\/[^/]*)*$/, 'expected a JSON pointer such as /results/0/text')
    .nullable()
    .default(null)
    .describe(
      'JSON pointer (RFC 6901) to the result in a JSON reply, such as `/results/0/text`; null: the whole reply.',
    ),
  function: functionConfig,
  ...toldSettings({ description: 'what its `function` says', example: 'the `function`' }),
  check: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'An argument that is tried once before the first call: a run whose endpoint refuses it stops at the start. null: nothing is tried.',
    ),
  timeoutMs: z
    .int()
    .min(1)
    .max(300_000)
    .default(20_000)
    .describe('Longest time for one call, retries and all; the stage `tools` has a limit of its own.'),
  retry: retryConfig.prefault({ attempts: 3 }),
  redirects: z
    .int()
    .min(0)
    .max(10)
    .default(3)
    .describe(
      'Most redirects that are followed, within the same origin and where the method stays; others are refused.',
    ),
  maxBytes: z
    .int()
    .min(1024)
    .max(100_000_000)
    .default(1_048_576)
    .describe('A larger reply, counted as it arrives and after decompression, is refused.'),
  ...callSettings,
});
export type HttpConfig = z.output<typeof httpConfig>;

/** The names of arguments that a request has places for, outside what the schema says. */
export function namedSlots({ url, body }: Pick<HttpConfig, 'url' | 'body'>): string[] {
  const slots = slotsOf(`${url} ${JSON.stringify(body)}`);
  return slots.filter((slot) => slot.startsWith('argument.')).map((slot) => slot.slice('argument.'.length));
}

/** Whether anything of the argument is sent at all. */
export function sendsArgument({ url, body }: Pick<HttpConfig, 'url' | 'body'>): boolean {
  return slotsOf(`${url} ${JSON.stringify(body)}`).length > 0;
}
