/**
 * A topology file as text and as a tree: where each key and value stands, for messages that point at it.
 * YAML 1.2 without tags beyond the core schema.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { Problem } from './problem.ts';

interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

export interface Source {
  /** The file's name as messages give it. */
  readonly file: string;
  /** The plain value; `undefined` when the text is not YAML. */
  readonly value: unknown;
  /** What the parser said: syntax errors, keys that are there twice. */
  readonly problems: readonly Problem[];
  /**
   * Where the value of a path stands, or its key; of the nearest parent that is written; null where none is.
   */
  position(path: readonly PropertyKey[], part: 'key' | 'value'): Position | null;
  /** The line's text, from 1. */
  line(number: number): string | null;
}

/** Largest file that is read: a topology is written by hand. Bounds the parser's work. */
export const MAX_TOPOLOGY_BYTES = 1_000_000;

export function parseSource(text: string, file: string): Source {
  const counter = new LineCounter();
  const lines = text.split(/\r\n|\n|\r/);
  const document = parseDocument(text, {
    lineCounter: counter,
    prettyErrors: false,
    version: '1.2',
    logLevel: 'error',
  });
  const line = (number: number): string | null => lines[number - 1] ?? null;
  const at = (offset: number): Position => {
    const { line: row, col } = counter.linePos(offset);
    return { line: Math.max(1, row), column: Math.max(1, col) };
  };
  const problem = (severity: Problem['severity'], rule: string, message: string, offset: number): Problem => {
    const place = at(offset);
    return { severity, rule, message, path: '', file, ...place, source: line(place.line) };
  };
  const problems = [
    ...document.errors.map((error) =>
      error.code === 'DUPLICATE_KEY'
        ? problem(
            'error',
            'duplicate-key',
            `${wordAt(text, error.pos[0])} is there twice: expected each name once`,
            error.pos[0],
          )
        : problem('error', 'yaml-syntax', `not valid YAML: ${error.message}`, error.pos[0]),
    ),
    ...document.warnings.map((warning) => problem('warning', 'yaml-syntax', warning.message, warning.pos[0])),
  ];
  let value: unknown;
  if (document.errors.every((error) => error.code === 'DUPLICATE_KEY')) {
    try {
      value = document.toJS({ maxAliasCount: 100 }) ?? {};
    } catch (error) {
      problems.push(problem('error', 'yaml-syntax', `not usable YAML: ${(error as Error).message}`, 0));
    }
  }
  return {
    file,
    value,
    problems,
    line,
    position(path, part) {
      const offset = find(document, path, part);
      return offset === null ? null : at(offset);
    },
  };
}

/** The plain key that begins at an offset, for a message. */
function wordAt(text: string, offset: number): string {
  const word = /^[\w-]+/.exec(text.slice(offset, offset + 64))?.[0];
  return word === undefined ? 'this key' : `\`${word}\``;
}

/**
 * The text offset of a path's key or value; of its nearest written parent otherwise; null: not even the top
 * key.
 */
function find(document: Document, path: readonly PropertyKey[], part: 'key' | 'value'): number | null {
  let node = document.contents as Node | null;
  let offset = node?.range?.[0] ?? null;
  for (const [index, segment] of path.entries()) {
    if (isAlias(node)) node = (node.resolve(document) as Node | undefined) ?? null;
    const last = index === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isScalar(item.key) && String(item.key.value) === String(segment),
      );
      if (pair === undefined) return index === 0 ? null : offset;
      const key = (pair.key as Node).range?.[0] ?? offset;
      node = (pair.value as Node | null) ?? null;
      // An empty value (`judge:`) stands at its key; so does a block, whose first line would mislead.
      const value = node === null || (!isScalar(node) && !isAlias(node)) ? key : (node.range?.[0] ?? key);
      offset = last && part === 'value' ? value : key;
    } else if (isSeq(node)) {
      const item = node.items[Number(segment)] as Node | undefined;
      if (item === undefined) return offset;
      node = item;
      offset = item.range?.[0] ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}
