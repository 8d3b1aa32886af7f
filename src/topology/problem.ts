/** What is wrong in a topology, and where: told to people with the source line, to programs as JSON. */

export type Severity = 'error' | 'warning';

export interface Problem {
  readonly severity: Severity;
  /** Which check found it, such as `unknown-key` or `no-producer`. */
  readonly rule: string;
  readonly message: string;
  /** The key it is about, such as `stages.filter.mode`; empty for the whole file. */
  readonly path: string;
  /** The file, or `command line`. */
  readonly file: string;
  /**
   * Line and column from 1; null where the key is not written in the file (a default, or the command line).
   */
  readonly line: number | null;
  readonly column: number | null;
  /** The source line, or the override as it was given. */
  readonly source: string | null;
}

/** The path as people write it: `stages.filter.mode`. */
export function pathText(path: readonly PropertyKey[]): string {
  return writtenPath(path).map(String).join('.');
}

/** Where a setting stands in the file: what is added stands there beside what is Swirl's. */
export function writtenPath([head, ...rest]: readonly PropertyKey[]): readonly PropertyKey[] {
  if (head === undefined) return [];
  return [head === 'ownStages' ? 'stages' : head === 'ownTopics' ? 'topics' : head, ...rest];
}

/** One problem in the manner of compilers: place, message, the source line and a mark under the column. */
export function formatProblem(problem: Problem): string {
  const place = problem.line === null ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
  const head = plain(`${place}: ${problem.severity}: ${problem.message} [${problem.rule}]`, 2000);
  if (problem.source === null) return head;
  if (problem.line === null) return `${head}\n    ${plain(problem.source, 200)}`;
  const number = String(problem.line).padStart(5);
  const source = plain(problem.source, 200);
  const mark = `${' '.repeat(number.length)} | ${' '.repeat(Math.max(0, (problem.column ?? 1) - 1))}^`;
  return `${head}\n${number} | ${source}\n${mark}`;
}

/** All problems, errors first, each group in the order of the file. */
export function formatProblems(problems: readonly Problem[]): string {
  return sortProblems(problems).map(formatProblem).join('\n');
}

export function sortProblems(problems: readonly Problem[]): Problem[] {
  return [...problems].sort(
    (a, b) =>
      Number(a.severity === 'warning') - Number(b.severity === 'warning') ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0),
  );
}

export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

/**
 * Text from the file without control characters and direction marks, which a terminal might obey. Unlike
 * `monitor/printable.ts` it keeps every column where it is.
 */
function plain(text: string, most: number): string {
  const clean = text
    .replaceAll('\t', ' ')
    .replace(/[\p{Cc}\p{Co}\p{Cs}\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu, '\ufffd');
  return clean.length > most ? `${clean.slice(0, most)}...` : clean;
}
