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
  /** Line and column from 1; null where the key is not written in the file (a default, or the command line). */
  readonly line: number | null;
  readonly column: number | null;
  /** The source line, or the override as it was given. */
  readonly source: string | null;
}

/** The path as people write it: `stages.filter.mode`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.map(String).join('.');
}

/** One problem in the manner of compilers: place, message, the source line and a mark under the column. */
export function formatProblem(problem: Problem): string {
  const place = problem.line === null ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
  const head = `${place}: ${problem.severity}: ${problem.message} [${problem.rule}]`;
  if (problem.source === null) return head;
  if (problem.line === null) return `${head}\n    ${printable(problem.source)}`;
  const number = String(problem.line).padStart(5);
  const source = printable(problem.source);
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

/** Source text without control characters, which a terminal might obey; tabs become one space to keep columns. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  const clean = text.replace(/\t/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
  return clean.length > 200 ? `${clean.slice(0, 200)}...` : clean;
}
