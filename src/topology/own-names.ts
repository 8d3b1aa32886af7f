/**
 * Names under `topics` and `stages` that are not Swirl's: of a topic or stage of one's own, or a slip. What
 * says neither what it holds nor what module it is, is taken for a slip, so that a mistyped name is told as
 * one.
 */

import { nearest } from '../suggest.ts';
import type { Finding } from './check.ts';
import { isObject } from './schema-walk.ts';
import { STAGES } from './stage-configs.ts';
import { TOPICS } from './topics.ts';

interface Section {
  readonly key: 'topics' | 'stages';
  /** Swirl's own. */
  readonly known: readonly string[];
  /** One of these keys says that it is one's own. */
  readonly marks: readonly string[];
  readonly own: string;
}

const SECTIONS: readonly Section[] = [
  {
    key: 'topics',
    known: TOPICS,
    marks: ['record', 'schema'],
    own: "a topic of one's own says what it holds: `record: judged`, or `schema: ./file.avsc` and `key`",
  },
  {
    key: 'stages',
    known: STAGES,
    marks: ['kind', 'path'],
    own: "a stage of one's own has `kind: module`, a `path`, `reads` and `writes`",
  },
];

/**
 * Names of topics and stages become parts of names on Kafka, of paths, and of what is said on the command
 * line.
 */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** The value without the slips, and a finding for each. */
export function withoutSlips(value: Readonly<Record<string, unknown>>): {
  readonly value: Readonly<Record<string, unknown>>;
  readonly findings: readonly Finding[];
} {
  const findings: Finding[] = [];
  const copy: Record<string, unknown> = { ...value };
  for (const section of SECTIONS) {
    const entries = copy[section.key];
    if (!isObject(entries)) continue;
    const kept = Object.entries(entries).filter(([name, entry]) => {
      if (section.known.includes(name)) return true;
      const found = slipOf(section, name, entry);
      if (found !== null) findings.push(found);
      return found === null;
    });
    copy[section.key] = Object.fromEntries(kept);
  }
  return { value: copy, findings };
}

function slipOf({ key, known, marks, own }: Section, name: string, entry: unknown): Finding | null {
  const path = [key, name];
  if (isObject(entry) && marks.some((mark) => Object.hasOwn(entry, mark))) {
    if (NAME.test(name)) return null;
    const message = `\`${path.join('.')}\`: not a usable name: expected up to 64 letters, digits, \`_\` and \`-\`, beginning with a letter or digit`;
    return { severity: 'error', rule: 'wrong-name', message, path, part: 'key' };
  }
  const near = nearest(name, known);
  const hint = near !== null ? `did you mean \`${near}\`?` : `known keys: ${known.join(', ')}`;
  const message = `unknown key ${JSON.stringify(name)} in \`${key}\`; ${hint}; ${own}`;
  return { severity: 'error', rule: 'unknown-key', message, path, part: 'key' };
}
