/** Steps that people labelled, as JSON lines: what `swirl tap judged --json` prints, with a `label` beside it. */
import { DataError } from '../errors.ts';
import type { Input } from '../input/input.ts';
import { lines } from '../input/lines.ts';
import { parseRows, type ReadOptions, type Row } from '../input/rows.ts';
import { recordParser } from '../questions/topic-records.ts';
import type { SubTrajectory } from '../topics/records.generated.ts';

export interface LabelledStep {
  readonly step: SubTrajectory;
  readonly label: 'GOOD' | 'BAD';
  readonly kind: string;
}

/**
 * A line is a record of `sub-trajectories` or `judged`, or an object with one under `record`; and `label`, GOOD
 * or BAD, and perhaps `kind` beside it. Without `kind` a step is of its tool's, an answer, or none.
 */
export function readLabelledSteps(
  input: Input,
  options: Pick<ReadOptions, 'skip'> = {},
): AsyncGenerator<LabelledStep, void, void> {
  const stepOf = recordParser('sub-trajectories');
  return parseRows(lines(input), (row) => labelled(row, stepOf), options);
}

type Fields = Readonly<Record<string, unknown>>;

function labelled(
  { place, text }: Row & { readonly text: string },
  stepOf: (value: unknown, place: string) => SubTrajectory,
): LabelledStep {
  let line: Fields | null;
  try {
    line = JSON.parse(text) as Fields | null;
  } catch (cause) {
    throw new DataError(`${place}: expected a labelled step as JSON: ${(cause as Error).message}`, { cause });
  }
  const record = (line?.record ?? line) as Fields | null;
  const found = line?.label ?? record?.label;
  const label = String(found).toUpperCase();
  if (label !== 'GOOD' && label !== 'BAD') {
    throw new DataError(
      `${place}: expected \`label\`, GOOD or BAD, beside the step, found ${found === undefined ? 'none' : JSON.stringify(found).slice(0, 40)}`,
    );
  }
  const { label: _label, kind: _kind, ...plain } = record ?? {};
  const step = stepOf(plain.subTrajectory ?? plain, place);
  const own = line?.kind ?? record?.kind;
  return { step, label, kind: typeof own === 'string' && own !== '' ? own : kindOf(step) };
}

function kindOf({ action }: SubTrajectory): string {
  if (action.kind === 'TOOL_CALL') return action.tool ?? 'tool';
  return action.kind === 'ANSWER' ? 'answer' : 'none';
}
