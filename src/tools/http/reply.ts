/** Reads the result out of an endpoint's reply. */
import { cut } from '../../agent/observations.ts';
import type { Body } from './bounded-body.ts';

export type ReadReply = { readonly text: string } | { readonly problem: string };

interface ReplyOptions {
  readonly pointer: string | null;
  readonly maxBytes: number;
  readonly contentType: string | null;
}

/** The reply's text, or what a pointer names in its JSON; what is no text is named and not shown. */
export function readReply(
  { bytes, whole }: Body,
  { pointer, maxBytes, contentType }: ReplyOptions,
): ReadReply {
  const [named = '', ...rest] = (contentType ?? '').split(';');
  const type = cut(named.trim(), MOST_TYPE_CHARS);
  if (!whole) return { problem: `the reply is larger than ${maxBytes} bytes.` };
  const json = /json$/i.test(type);
  if (pointer === null && !json && type !== '' && !TEXT.test(type)) {
    return { problem: `the reply is no text but ${type}, ${bytes.length} bytes.` };
  }
  const text = decode(bytes, /charset="?([^";\s]+)/i.exec(rest.join(';'))?.[1] ?? 'utf-8');
  if (text === null) return { problem: `the reply is in an encoding that is not known.` };
  if (pointer === null) return { text };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const found = text === '' ? 'nothing' : json || type === '' ? 'broken JSON' : type;
    return { problem: `expected a reply in JSON, found ${found}.` };
  }
  const found = at(value, pointer);
  if (found === undefined) return { problem: `the reply has nothing at ${pointer || 'its root'}.` };
  if (typeof found === 'string' || found === null) return { text: found ?? '' };
  try {
    return { text: JSON.stringify(found) };
  } catch {
    // What reads JSON takes any depth; what writes it calls itself for each level.
    return { problem: 'the reply is nested too deeply to be shown.' };
  }
}

/** A type is shown, and an endpoint may say anything. */
const MOST_TYPE_CHARS = 100;

const TEXT =
  /^(text\/.*|application\/(xml|javascript|yaml|x-ndjson|xhtml\+xml|graphql-response\+json)|.*\+xml)$/i;

function decode(bytes: Uint8Array, charset: string): string | null {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return null;
  }
}

/** What a JSON pointer names (RFC 6901); `undefined` where there is nothing. */
function at(root: unknown, pointer: string): unknown {
  let value = root;
  for (const piece of pointer.split('/').slice(1)) {
    const key = piece.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
