/** A trace for people: as lines, and as a Mermaid flowchart. */
import type { Found } from '../lineage/find.ts';
import type { Trace, TracedStep, TracedTrajectory } from '../lineage/trace.ts';
import type { UpdateTrace } from '../lineage/updates-of.ts';
import { printable } from '../monitor/printable.ts';
import { label } from '../topology/mermaid.ts';
import { screenWidth } from './screen.ts';
import { table } from './table.ts';

/** Steps of a batch that are shown. */
const MOST_ROWS = 200;

/** What a topic's record says of its step, beside its place. */
const SAYS: Readonly<Record<string, (at: At) => string>> = {
  judged: (at) => `${at('verdict.label')} by ${at('verdict.judge')}: ${at('verdict.rationale')}`,
  accepted: (at) => (at('correct') === 'null' ? '' : `correct: ${at('correct')}`),
  scored: (at) => `${at('reward.value')} by ${at('reward.model')}: ${at('reward.rationale')}`,
  trajectories: (at) => `${at('end')} ${at('answer')}`,
  failures: (at) => `${at('error')} of ${at('stage')}: ${at('message')}`,
};

type At = (path: string) => string;

export function traceText(trace: Trace): string {
  const { question, trajectories, failures } = trace;
  const lines: string[] = [];
  if (question !== null) {
    lines.push(
      lineOf(`question ${question.key}  ${placeOf(question)}`),
      lineOf(`  ${atIn(question)('text')}`),
    );
  }
  lines.push(...trajectories.flatMap(trajectoryLines));
  lines.push(...failures.map((failure) => lineOf(`failed  ${recordLine(failure)}`)));
  return lines.join('\n');
}

function trajectoryLines({ id, records, steps }: TracedTrajectory): string[] {
  return [
    lineOf(`trajectory ${id}`),
    ...records.map((found) => lineOf(`  ${recordLine(found)}`)),
    ...steps.flatMap(stepLines),
  ];
}

function stepLines({ id, records, updates }: TracedStep): string[] {
  const silent = records.filter(({ topic }) => SAYS[topic] === undefined);
  const action = records.map((found) => actionOf(found)).find((said) => said !== null);
  return [
    lineOf(`  step ${id}  ${action ?? ''}`),
    ...(silent.length > 0 ? [lineOf(`    ${silent.map(placeOf).join(', ')}`)] : []),
    ...records
      .filter(({ topic }) => SAYS[topic] !== undefined)
      .map((found) => lineOf(`    ${recordLine(found)}`)),
    ...updates.map(({ run, update }) => {
      const { id: name, epoch, weightsHash } = update;
      return lineOf(`    ${name} of ${run}, epoch ${epoch}, weights ${weightsHash.slice(0, 12)}`);
    }),
  ];
}

export function updateText({ update, before, batch, found }: UpdateTrace): string {
  const shown = batch.slice(0, MOST_ROWS);
  const rows = shown.map((one) => {
    const at = atIn(one);
    const names = ['verdict.label', 'verdict.judge', 'reward.value', 'subTrajectory.action.policy'];
    return [one.record === null ? placeOf(one) : at('id'), ...names.map((name) => printable(at(name), 24))];
  });
  const { id, epoch, partition, fromOffset, toOffset, weightsHash, dropped } = update;
  const from = before === null ? 'the initial policy' : before.weightsHash.slice(0, 12);
  const input = batch[0] === undefined ? '' : ` of ${batch[0].topic}, run ${batch[0].run}`;
  const lines = [
    lineOf(`${id}  ${placeOf(found)}  epoch ${epoch}`),
    lineOf(`  weights: from ${from} to ${weightsHash.slice(0, 12)}`),
    lineOf(`  mean reward ${update.meanReward}, loss ${update.loss}, gradient's norm ${update.gradNorm}`),
    lineOf(`  batch: partition ${partition}, offsets ${fromOffset} to ${toOffset - 1}${input}`),
  ];
  if (dropped > 0) lines.push(lineOf(`  of these ${dropped} were dropped: trained on before, or too long`));
  if (rows.length > 0)
    lines.push('', table(['step', 'verdict', 'judge', 'reward', 'policy'], rows).trimEnd());
  if (batch.length > shown.length) lines.push(`… and ${batch.length - shown.length} more (--json has all)`);
  return lines.join('\n');
}

/** A Mermaid flowchart: the question, its trajectories, their steps, and the updates. */
export function traceGraph({ question, trajectories }: Trace): string {
  const chart = new Chart();
  for (const trajectory of trajectories) {
    if (question !== null) chart.arrow(`question ${question.key}`, trajectory.id);
    for (const { id, records, updates } of trajectory.steps) {
      const said = records.flatMap((found) =>
        isSaid(found) ? [`${found.topic} ${verdictOrReward(found)}`] : [],
      );
      const step = [id, ...said].join('\n');
      chart.arrow(trajectory.id, step);
      for (const { run, update } of updates) chart.arrow(step, `${update.id} of ${run}`);
    }
  }
  return chart.text();
}

export function updateGraph({ id, batch, before }: UpdateTrace): string {
  const chart = new Chart();
  if (before !== null) chart.arrow(before.id, id);
  for (const one of batch) {
    const at = atIn(one);
    const step = `${at('id')}\n${at('verdict.label')} ${at('reward.value')}`;
    chart.arrow(`question ${at('subTrajectory.question.id')}`, step);
    chart.arrow(step, id);
  }
  return chart.text();
}

/** Nodes are named by what stands in them; every label is hostile text. */
class Chart {
  readonly #nodes = new Map<string, string>();
  readonly #arrows = new Set<string>();

  arrow(from: string, to: string): void {
    this.#arrows.add(`  ${this.#node(from)} --> ${this.#node(to)}`);
  }

  text(): string {
    const nodes = [...this.#nodes].map(
      ([text, name]) => `  ${name}["${text.split('\n').map(label).join('<br/>')}"]`,
    );
    return ['flowchart LR', ...nodes, ...this.#arrows, ''].join('\n');
  }

  #node(text: string): string {
    const name = this.#nodes.get(text) ?? `n${this.#nodes.size}`;
    this.#nodes.set(text, name);
    return name;
  }
}

const isSaid = ({ topic }: Found) => topic === 'judged' || topic === 'scored';

function verdictOrReward(found: Found): string {
  return atIn(found)(found.topic === 'judged' ? 'verdict.label' : 'reward.value');
}

function recordLine(found: Found): string {
  if (found.record === null) return `${placeOf(found)}  (its bytes make no record)`;
  const says = SAYS[found.topic]?.(atIn(found)) ?? '';
  return `${placeOf(found)}  ${says}`;
}

function actionOf(found: Found): string | null {
  const at = atIn(found);
  for (const path of ['action', 'subTrajectory.action']) {
    if (at(`${path}.kind`) === '') continue;
    return `${at(`${path}.kind`)} by ${at(`${path}.policy`)}: ${at(`${path}.content`)}`;
  }
  return null;
}

/** Such as `judged 0:17`, partition and offset. */
function placeOf({ topic, partition, offset }: Found): string {
  return `${topic} ${partition}:${offset}`;
}

function atIn({ record }: Found): At {
  return (path) => {
    let value: unknown = record;
    for (const name of path.split('.')) value = (value as Record<string, unknown> | null)?.[name];
    return value === undefined ? '' : String(value);
  };
}

function lineOf(line: string): string {
  const indent = /^ */.exec(line)?.[0] ?? '';
  return `${indent}${printable(line, screenWidth() - indent.length)}`;
}
