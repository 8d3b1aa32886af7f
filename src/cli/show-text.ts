/** A trajectory for people on a terminal. Everything in it that a model or a tool wrote is hostile text. */
import pc from 'picocolors';
import type { Found } from '../lineage/find.ts';
import { printable } from '../monitor/printable.ts';
import type { ShownText } from '../watch/shown-text.ts';
import type { TrajectoryView } from '../watch/trajectory-view.ts';
import { screenWidth, wrapText } from './screen.ts';

const INDENT = 2;

type Step = TrajectoryView['steps'][number];

export function trajectoryText(view: TrajectoryView, columns = screenWidth()): string {
  const { id, task, end, of, right, accepted, question, gold, answer, steps } = view;
  const facts = [
    printable(task, 60),
    end === null ? 'goes on' : words(end),
    `${of} ${of === 1 ? 'step' : 'steps'}`,
    ...(right === null ? [] : [right ? 'right' : 'wrong']),
    ...(accepted ? ['accepted'] : []),
  ];
  const shown = block({ columns, indent: INDENT });
  const lines = [
    pc.bold(cut(`${printable(id, 60)}  ${facts.join(', ')}`, columns)),
    ...shown(question),
    ...steps.flatMap((step) => ['', ...stepLines(step, columns)]),
  ];
  if (answer !== null) lines.push('', pc.bold('Answer'), ...shown(answer));
  if (gold.length > 0)
    lines.push(...shown({ text: `gold: ${gold.join(' · ')}` }).map((line) => pc.dim(line)));
  return lines.join('\n');
}

function stepLines(
  { index, action, observation, verdict, reward, updates }: Step,
  columns: number,
): string[] {
  const kind =
    action.kind === 'TOOL_CALL'
      ? `calls ${action.tool ?? ''}`
      : action.kind === 'ANSWER'
        ? 'answers'
        : 'neither a call nor an answer';
  const shown = block({ columns, indent: INDENT });
  const dim = (text: ShownText) => shown(text).map((line) => pc.dim(line));
  const said = (head: string, { text, ...rest }: ShownText) =>
    text.trim() === '' ? [] : shown({ text: `${head}: ${text}`, ...rest });
  const label = verdict?.label;
  const color = label === 'GOOD' ? pc.green : label === 'BAD' ? pc.red : pc.yellow;
  return [
    [
      pc.bold(cut(`Step ${index}  ${kind}`, columns / 2)),
      ...(label === undefined ? [] : [color(label)]),
      ...(reward === undefined ? [] : [`reward ${reward.value}`]),
    ].join('  '),
    ...(action.reasoning === null ? [] : dim(action.reasoning)),
    ...action.parts.flatMap((part) => (part.thinking ? dim(part) : shown(part))),
    ...(action.truncated ? [`${' '.repeat(INDENT)}(cut off at the largest number of tokens)`] : []),
    ...(observation === null || observation === undefined
      ? []
      : said(
          `-> ${[observation.tool, words(observation.status)].filter((part) => part !== null).join(', ')}`,
          observation.text,
        )),
    ...(verdict === undefined ? [] : said(`judge ${verdict.by ?? verdict.judge}`, verdict.rationale)),
    ...(reward === undefined ? [] : said(`reward ${reward.by ?? reward.model}`, reward.rationale)),
    ...dim({ text: about(action, updates) }),
  ];
}

function about({ policy, logprob, temperature, tokens }: Step['action'], updates: Step['updates']): string {
  const rounded = (value: number) => Number(value.toPrecision(3));
  const learned = updates.map(({ step, epoch, before, after }) => {
    const measured =
      before === null ? '' : `logprob ${rounded(before)}${after === null ? '' : ` to ${rounded(after)}`}`;
    const told = [updates.length > 1 ? `epoch ${epoch + 1}` : '', measured].filter((part) => part !== '');
    return `${step}${told.length > 0 ? ` (${told.join(', ')})` : ''}`;
  });
  return [
    `by ${policy}`,
    ...(tokens === null ? [] : [`${tokens.length} tokens`]),
    ...(logprob === null ? [] : [`mean logprob ${rounded(logprob)}`]),
    ...(temperature === null ? [] : [`temperature ${rounded(temperature)}`]),
    ...(learned.length === 0
      ? []
      : [`learned from in ${learned.length === 1 ? 'update' : 'updates'} ${learned.join(', ')}`]),
  ].join(', ');
}

/** Such as `step q17/2/0 failed in judge: ModelError: no answer`. */
export function failureLines(failures: readonly Found[], columns = screenWidth()): string[] {
  return failures.flatMap(({ record }) => {
    const { record: id, stage, error, message } = record ?? {};
    const text = printable(`${id ?? 'a record'} failed in ${stage}: ${error}: ${message}`, 400);
    return block({ columns, indent: 0 })({ text });
  });
}

/** The lines of a text of several, none wider than the screen: words that are, are cut. */
function block({ columns, indent }: { readonly columns: number; readonly indent: number }) {
  const width = Math.max(1, columns - indent);
  return ({ text, of }: ShownText): string[] => {
    const lines = wrapText(text.replaceAll('\t', '    ').replaceAll('\r', '\ufffd').trim(), width).flatMap(
      (line) => line.match(new RegExp(`.{1,${width}}`, 'gsu')) ?? [''],
    );
    const note = of === undefined ? [] : [`(only the beginning of ${of} characters: \`swirl tap --json\`)`];
    return [...lines, ...note].map((line) => `${' '.repeat(indent)}${line}`.trimEnd());
  };
}

function cut(text: string, width: number): string {
  return printable(text, Math.max(8, Math.floor(width)));
}

/** `OUT_OF_STEPS` as `out of steps`. */
function words(name: string): string {
  return name.toLowerCase().replaceAll('_', ' ');
}
