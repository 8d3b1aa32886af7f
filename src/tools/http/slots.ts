/**
 * Where a tool's argument goes in a request: `{{argument}}` is the whole text, `{{arguments}}` the whole
 * object, and `{{argument.city}}` one of its values. In a URL they are percent-encoded; they are never looked
 * for in what they put in.
 */
import { isPlainObject } from '../../agent/arguments/json-schema.ts';

export interface Given {
  /** As the policy wrote it. */
  readonly text: string;
  /** Read by the tool's schema; null where it has none. */
  readonly arguments: Readonly<Record<string, unknown>> | null;
}

const SLOT = /\{\{(argument|arguments|argument\.[A-Za-z0-9_-]+)\}\}/g;
const ANY_SLOT = /\{\{[^{}]*\}\}/g;

/** The slots of a text that are none of the three kinds, such as `{{query}}`. */
export function unknownSlots(text: string): string[] {
  return (text.match(ANY_SLOT) ?? []).filter((slot) => slot.replace(SLOT, '') !== '');
}

/** All slots of a text, by what they name. */
export function slotsOf(text: string): string[] {
  return [...text.matchAll(SLOT)].map((match) => match[1]);
}

/** What a slot stands for; `undefined` for an argument that was not given. */
function valueFor(slot: string, given: Given): unknown {
  if (slot === 'argument') return given.text;
  if (slot === 'arguments') return given.arguments ?? given.text;
  const name = slot.slice('argument.'.length);
  return given.arguments !== null && Object.hasOwn(given.arguments, name) ? given.arguments[name] : undefined;
}

/** Well formed, as a URL must be: JSON can write half of a character (`"\\ud800"`). */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value.toWellFormed() : (JSON.stringify(value) ?? '');
}

/**
 * A text with its slots filled, each by `encode`; null where it has a slot of an argument that was not given.
 */
function fillText(template: string, given: Given, encode = (text: string) => text): string | null {
  if (slotsOf(template).some((slot) => valueFor(slot, given) === undefined)) return null;
  return template.replace(SLOT, (_, slot: string) => encode(textOf(valueFor(slot, given))));
}

/**
 * A JSON value with its slots filled: a text that is one slot becomes the value itself, a number a number.
 * Members of objects and items of lists whose argument was not given are left out.
 */
export function fillJson(template: unknown, given: Given): unknown {
  if (typeof template === 'string') {
    const [slot] = slotsOf(template);
    if (slot !== undefined && template === `{{${slot}}}`) return valueFor(slot, given);
    return fillText(template, given) ?? undefined;
  }
  if (Array.isArray(template)) {
    return template.map((item) => fillJson(item, given)).filter((item) => item !== undefined);
  }
  if (!isPlainObject(template)) return template;
  const entries = Object.entries(template).map(([key, value]): [string, unknown] => [
    key,
    fillJson(value, given),
  ]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/**
 * The URL with its slots filled and encoded. What the policy wrote can be a part of a path's segment or of a
 * query's value, and nothing else: null where it would be anything else, as `..` is, which URLs take for a
 * way up.
 */
export function fillUrl(template: string, given: Given): string | null {
  const [place = '', query] = split(template, '?');
  const path = fillText(place, given, encodeURIComponent);
  if (path === null) return null;
  const pairs = (query ?? '')
    .split('&')
    .flatMap((pair) => fillText(pair, given, encodeURIComponent) ?? [])
    .filter((pair) => pair !== '');
  const url = pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
  const origin = /^[a-z]+:\/\/[^/?#]+/i.exec(template)?.[0] ?? '';
  const parsed = new URL(url);
  // A dot segment, encoded or not, would have been taken out.
  const written = path.slice(origin.length) || '/';
  const same = parsed.origin === new URL(origin).origin && parsed.pathname === written;
  return same ? url : null;
}

function split(text: string, sign: string): [string, string | undefined] {
  const at = text.indexOf(sign);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
