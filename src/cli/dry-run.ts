/** `swirl run --dry-run`: what a run would ask, learn and cost. Nothing is sent, and nothing is written. */
import { existsSync } from 'node:fs';
import { ConfigError, DataError } from '../errors.ts';
import { fileInput } from '../input/input.ts';
import { printable } from '../monitor/printable.ts';
import { openTransport } from '../open-transport.ts';
import { type Estimate, estimate, type Range } from '../spending/estimate.ts';
import { readRecords } from '../topics/read-records.ts';
import type { Question } from '../topics/records.generated.ts';
import { codecOf } from '../topology/codec-of.ts';
import { keptTopology, runsIn } from '../topology/kept.ts';
import { examineFile, withParts } from '../topology/load.ts';
import { formatProblems, hasErrors } from '../topology/problem.ts';
import { runPlace } from '../topology/run-place.ts';
import type { Topology } from '../topology/topology.ts';
import { type Basis, basisOf, measuredIn } from './dry-run-basis.ts';
import { EXIT } from './exit.ts';
import { type ReaderFlags, readerOf } from './reader-option.ts';
import { hanging, screenWidth } from './screen.ts';
import { moneyText } from './spent-text.ts';
import { table } from './table.ts';
import { settingsOf, type TopologyFlags, topologyFile } from './topology-option.ts';

export interface DryRunFlags extends TopologyFlags, ReaderFlags {
  readonly questions?: string;
  readonly like?: string;
  readonly json?: boolean;
}

/** Questions that are looked at for the length of their texts. */
const MOST_SAMPLE = 1000;

interface Questions {
  readonly number: number;
  readonly sample: readonly Question[];
  /** Where they are, for people. */
  readonly where: string;
}

/** Returns the exit code: 2 where `lint` finds errors, which are printed. */
export async function dryRun(argument: string | undefined, flags: DryRunFlags): Promise<number> {
  const file = await topologyFile(argument, flags, 'swirl run --dry-run FILE');
  const context = { env: process.env, exists: existsSync };
  const { topology, problems } = await withParts(
    examineFile(file, { set: settingsOf(file, flags), context }),
  );
  if (problems.length > 0) process.stderr.write(`${formatProblems(problems)}\n`);
  if (topology === null || hasErrors(problems)) return EXIT.usage;
  const questions = await questionsOf(topology, flags);
  const like = likeOf(topology, flags);
  const basis = basisOf(topology, questions.sample, like === null ? null : await measuredIn(like));
  const { start, train } = topology.stages;
  const size =
    train && ('trajectories' in train.batch ? train.batch.trajectories : train.batch.subTrajectories);
  const found = estimate({
    ...basis,
    trajectories: questions.number * (start?.rollouts ?? 1),
    prices: topology.prices,
    batch:
      train === undefined || size === undefined
        ? null
        : {
            of: 'trajectories' in train.batch ? 'trajectories' : 'subTrajectories',
            size,
            epochs: train.epochs,
          },
  });
  const by = basis.records === 0 ? null : { run: like?.run ?? '', trajectories: basis.records };
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ run: topology.run, questions: questions.number, by, ...found })}\n`
      : `${textOf(topology, { questions, basis, by, found })}\n`,
  );
  return EXIT.done;
}

/** The run whose records are reckoned by; null: none. */
function likeOf({ folder, run }: Topology, { like }: DryRunFlags): Topology | null {
  if (like !== undefined) {
    const of = runPlace(like, folder);
    return keptTopology(of.folder, of.run);
  }
  return runsIn(folder).includes(run) ? keptTopology(folder, run) : null;
}

async function questionsOf(topology: Topology, flags: DryRunFlags): Promise<Questions> {
  const { questions } = flags;
  if (questions === undefined) return waiting(topology);
  if (/^\d{1,12}$/.test(questions)) return { number: Number(questions), sample: [], where: 'as you say' };
  const reader = await readerOf(flags, topology);
  if (reader.topic === 'trajectories')
    throw new ConfigError(`--dataset ${flags.dataset} reads trajectories; --questions needs questions`);
  const sample: Question[] = [];
  let number = 0;
  let left = 0;
  try {
    const skip = () => void left++;
    for await (const record of reader.read(fileInput(questions), { skip })) {
      number++;
      if (sample.length < MOST_SAMPLE) sample.push(record as Question);
    }
  } finally {
    await reader.close?.();
  }
  if (left > 0) process.stderr.write(`${left} malformed records of ${questions} are left out\n`);
  return { number, sample, where: `in ${questions}` };
}

/** Those that were fed and that no rollout was begun of. */
async function waiting(topology: Topology): Promise<Questions> {
  if (!runsIn(topology.folder).includes(topology.run)) {
    throw new ConfigError(
      `there is no run ${topology.run} yet, and so no questions: name them with \`--questions FILE\`, or how many there will be with \`--questions N\``,
    );
  }
  const transport = await openTransport(topology, { access: 'read', notify: () => {} });
  try {
    const codec = await codecOf(topology, 'read');
    const info = (await transport.topics()).find(({ name }) => name === 'questions');
    const committed = await transport.committed('start', 'questions');
    const number = (info?.offsets ?? []).reduce(
      (sum, { start, end }, partition) => sum + end - Math.max(start, committed[partition] ?? 0),
      0,
    );
    const sample: Question[] = [];
    if (info !== undefined) {
      for await (const record of readRecords({ transport, codec }, 'questions')) {
        if (!(record instanceof DataError)) sample.push(record as Question);
        if (sample.length === MOST_SAMPLE) break;
      }
    }
    return { number, sample, where: `that wait in the run ${topology.run}` };
  } finally {
    await transport.close();
  }
}

interface Told {
  readonly questions: Questions;
  readonly basis: Basis;
  readonly by: { readonly run: string; readonly trajectories: number } | null;
  readonly found: Estimate;
}

function textOf(topology: Topology, { questions, by, found }: Told): string {
  const { stages, total, updates, currency, unpriced, trajectories, steps } = found;
  const money = (range: Range | null) =>
    range === null ? '' : `${moneyText(range.low, currency)} to ${moneyText(range.high, currency)}`;
  const rows = stages.map((one) => [
    ...[printable(one.stage, 40), printable(one.model, 60), between(one.requests)],
    ...[between(one.input), between(one.output), money(one.money)],
  ]);
  const lines = [
    `run ${topology.run}, if it were run now: nothing was asked, and nothing changed`,
    `${questions.number} questions ${questions.where}: ${trajectories} trajectories of ${between(steps)} steps in all`,
    ...(rows.length > 0
      ? table(['for', 'of', 'requests', 'tokens read', 'written', 'money'], rows).split('\n')
      : ['no model or tool is asked elsewhere: nothing is to be paid']),
    `requests: ${between(total.requests)}; tokens: ${between(total.input)} read, ${between(total.output)} written`,
    ...(total.money === null ? [] : [`money: ${money(total.money)}`]),
    ...(updates === null ? [] : [`updates: ${between(updates)}`]),
    by === null
      ? 'These are bounds, not a forecast: there are no records to reckon by. Run some questions, and ask again (`--like RUN` takes the records of another run).'
      : `Reckoned by ${by.trajectories} trajectories of the run ${by.run}: means with two standard errors, or a fifth, to either side.`,
    'Retries are not in it, nor is what is under way in the run; answers that are kept already make it less.',
    ...(unpriced.length > 0 && stages.length > 0
      ? [`without a price (key \`prices\`): ${unpriced.map((name) => printable(name, 60)).join(', ')}`]
      : []),
  ];
  const width = screenWidth();
  return lines.map((line) => (line.length > width ? hanging(line, { width, indent: 2 }) : line)).join('\n');
}

function between({ low, high }: Range): string {
  return low === high ? `${low}` : `${low} to ${high}`;
}
