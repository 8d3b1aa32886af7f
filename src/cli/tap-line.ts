/** A record on one line of a terminal: what a person wants to see of it first. */
import { printable } from '../monitor/printable.ts';

/** Least width of a text that is cut to make room. */
const LEAST = 12;
/** Widths above which an id and an answer are cut. */
const ID = 40;
const ANSWER = 30;

/** No wider than `room`: what is short is whole, and long texts share what is left. */
export function recordLine(record: unknown, room: number): string {
  const at = (path: string) => fieldAt(record, path);
  return fitted(room, [
    short(at('id'), ID),
    // A failure is named for its place; this is what failed.
    short(at('record'), ID),
    short(at('verdict.label')),
    short(at('reward.value'), ANSWER, 'reward '),
    short(at('end')),
    isThere(at('answer')) ? short(JSON.stringify(at('answer')), ANSWER, 'answer ') : null,
    ...updateParts(record),
    long(at('question.text') ?? at('subTrajectory.question.text') ?? at('turn.question.text')),
    long(
      at('message') ??
        at('text') ??
        at('action.text') ??
        at('subTrajectory.action.text') ??
        lastAction(record),
    ),
    long(at('verdict.rationale')),
  ]);
}

/** Of an update: what it was made of, and where it led. */
function updateParts(record: unknown): (Part | null)[] {
  const at = (path: string) => fieldAt(record, path);
  if (typeof at('gradNorm') !== 'number') return [];
  const number = (path: string) => String(Number(Number(at(path)).toPrecision(4)));
  return [
    short(at('epoch'), ANSWER, 'epoch '),
    short(number('meanReward'), ANSWER, 'reward '),
    short(number('loss'), ANSWER, 'loss '),
    short(`${number('meanLogprob')}/token`, ANSWER, 'logprob '),
    short(String(at('weightsHash')).slice(0, 12), ANSWER, 'weights '),
  ];
}

/**
 * Of a record whose schema is the topology's own: its key, and every text, number and truth with the name of
 * its field.
 */
export function ownRecordLine(
  record: object,
  { key, room }: { readonly key: string; readonly room: number },
): string {
  const fields = Object.entries(record).filter(([, value]) => value !== key);
  return fitted(room, [
    short(key, ID),
    ...fields.map(([name, value]) => {
      if (typeof value === 'string') return long(`${name} ${JSON.stringify(value)}`);
      return typeof value === 'number' || typeof value === 'boolean'
        ? short(value, ANSWER, `${name} `)
        : null;
    }),
  ]);
}

function fitted(room: number, all: readonly (Part | null)[]): string {
  const parts = all.filter((part) => part !== null);
  const gaps = GAP.length * (parts.length - 1);
  const fixed = parts.reduce((sum, { text, cut }) => sum + (cut ? 0 : text.length), gaps);
  const lengths = parts.filter(({ cut }) => cut).map(({ text }) => text.length);
  const most = shareOf(lengths, room - fixed);
  const line = parts.map(({ text, cut }) => (cut ? printable(text, Math.max(LEAST, most)) : text)).join(GAP);
  return line.length > room ? `${line.slice(0, room - 1)}…` : line;
}

const GAP = '  ';

interface Part {
  readonly text: string;
  /** Whether it may be cut to make room. */
  readonly cut: boolean;
}

function short(value: unknown, width = ANSWER, before = ''): Part | null {
  return isThere(value) ? { text: `${before}${printable(String(value), width)}`, cut: false } : null;
}

/** Longer than any room, so that nothing is cut twice. */
function long(value: unknown): Part | null {
  return isThere(value) ? { text: printable(String(value), 400), cut: true } : null;
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

/** The length to which all are cut, so that they fit: short ones leave their part to the others. */
function shareOf(lengths: readonly number[], room: number): number {
  let left = room;
  const sorted = [...lengths].sort((a, b) => a - b);
  for (const [index, length] of sorted.entries()) {
    const each = Math.floor(left / (sorted.length - index));
    if (length > each) return each;
    left -= length;
  }
  return Number.MAX_SAFE_INTEGER;
}

/** Of a turn or a trajectory. */
function lastAction(record: unknown): unknown {
  const steps = fieldAt(record, 'steps');
  return Array.isArray(steps) ? fieldAt(steps.at(-1), 'action.text') : undefined;
}

function fieldAt(record: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, name) => (value as Record<string, unknown> | null | undefined)?.[name], record);
}
