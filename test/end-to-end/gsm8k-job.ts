/**
 * The main job on GSM8K, by the commands that a user would type: worked solutions warm up a fresh policy, and
 * questions with several rollouts each go through every stage to updates of it. The test runs it small,
 * bench/gsm8k.ts in full.
 */
import { readdirSync } from 'node:fs';
import { conversation } from '../../src/agent/conversation.ts';
import { type Counts, countsOf } from './counts.ts';
import { recordsOf } from './run-records.ts';
import type { Ended, Workplace } from './swirl-process.ts';

export interface Gsm8kSizes {
  /** GSM8K in its published format. */
  readonly data: string;
  readonly solutions: number;
  readonly heldOut: number;
  readonly questions: number;
  readonly rollouts: number;
  readonly maxSteps: number;
  readonly maxTokens: number;
  /** Of the fresh policy. */
  readonly policy: {
    readonly hidden: number;
    readonly layers: number;
    readonly vocabulary: number;
    readonly positions: number;
  };
  readonly trajectoriesPerUpdate: number;
  readonly learningRate: number;
  readonly device: 'auto' | 'webgpu' | 'reference';
}

/** Means over the actions of held-out solutions, which no update has seen. */
interface HeldOut {
  readonly actions: number;
  readonly tokens: number;
  /** Natural logprob of an action, and of one of its tokens. */
  readonly perAction: number;
  readonly perToken: number;
}

export interface Gsm8kReport {
  readonly before: HeldOut;
  readonly after: HeldOut;
  readonly warmUp: Counts;
  readonly main: Counts;
  readonly seconds: { readonly warmUp: number; readonly main: number };
  readonly notes: readonly string[];
}

/** Runs the job in a folder. Throws where a command ends with another code than it should. */
export async function gsm8kJob(place: Workplace, sizes: Gsm8kSizes): Promise<Gsm8kReport> {
  const { data, solutions, heldOut, questions } = sizes;
  const { hidden, layers, vocabulary, positions } = sizes.policy;
  const shape = { hidden, layers, vocabulary, positions };
  const flags = Object.entries(shape).flatMap(([name, value]) => [`--${name}`, String(value)]);
  await done(place.swirl(['new-policy', 'policy', '--texts', data, ...flags]));
  place.write('warm-up.yaml', warmUpTopology(sizes));
  const feed = ['feed', data, '--dataset', 'gsm8k-solutions', '-t', 'warm-up.yaml'];
  // A few solutions have a mark that does not give its stated value: they are reported and left out.
  await done(place.swirl([...feed, '--limit', `${solutions}`]), [0, 3]);
  await done(
    place.swirl([...feed, '--run', 'held-out', '--skip', `${solutions}`, '--limit', `${heldOut}`]),
    [0, 3],
  );

  const before = await score(place, 'policy', sizes);
  const warm = await timed(() => done(place.swirl(['run', 'warm-up.yaml', '--until-drained']), [0, 3]));
  const checkpoint = newest(place, 'warm-up');
  const after = await score(place, checkpoint, sizes);

  place.write('main.yaml', mainTopology(sizes, checkpoint));
  const slice = ['--skip', `${solutions + heldOut}`, '--limit', `${questions}`];
  await done(place.swirl(['feed', data, '--dataset', 'gsm8k', '-t', 'main.yaml', ...slice]));
  const main = await timed(() => done(place.swirl(['run', 'main.yaml', '--until-drained']), [0, 3]));
  return {
    before,
    after,
    warmUp: await countsOf(place.path('runs'), 'warm-up', { rollouts: null }),
    main: await countsOf(place.path('runs'), 'main', { rollouts: sizes.rollouts }),
    seconds: { warmUp: warm.seconds, main: main.seconds },
    notes: [warm.ended.stderr, main.ended.stderr],
  };
}

function topology(sizes: Gsm8kSizes, run: string, checkpoint: string) {
  const { maxTokens, maxSteps, device, learningRate } = sizes;
  const { positions } = sizes.policy;
  return {
    run,
    seed: 1,
    policy: { kind: 'local', checkpoint, maxTokens, contextTokens: positions, device },
    judge: { kind: 'rules' },
    reward: { kind: 'constant', value: 1 },
    tasks: { math: { tools: ['calculator'], maxSteps, instructions: '' } },
    tools: { calculator: { kind: 'calculator' } },
    stages: {
      decompose: {},
      judge: {},
      filter: { mode: 'none' },
      reward: {},
      train: {
        batch: { trajectories: sizes.trajectoriesPerUpdate },
        schedule: { kind: 'constant', learningRate },
        maxRowTokens: positions,
        checkpointEvery: 10,
      },
    },
  };
}

function warmUpTopology(sizes: Gsm8kSizes) {
  const warm = topology(sizes, 'warm-up', 'policy');
  const tasks = { math: { ...warm.tasks.math, maxSteps: 20 } };
  return { ...warm, tasks, fed: ['trajectories'] };
}

function mainTopology(sizes: Gsm8kSizes, checkpoint: string) {
  const main = topology(sizes, 'main', checkpoint);
  const stages = { start: { rollouts: sizes.rollouts }, rollout: {}, tools: {}, ...main.stages };
  return { ...main, stages };
}

/** The newest checkpoint's folder, relative to the workplace. */
function newest(place: Workplace, run: string): string {
  const steps = readdirSync(place.path('runs', run, 'checkpoints')).flatMap((name) => {
    const step = /^step-(\d+)$/.exec(name)?.[1];
    return step === undefined ? [] : [Number(step)];
  });
  return `runs/${run}/checkpoints/step-${Math.max(...steps)}`;
}

/** Scores every action of the held-out solutions after its context, with `swirl score`. */
async function score(
  place: Workplace,
  policy: string,
  { device, policy: { positions } }: Gsm8kSizes,
): Promise<HeldOut> {
  const trajectories = await recordsOf(place.path('runs'), 'held-out', 'trajectories');
  const requests = trajectories.flatMap(({ question, steps }) =>
    steps.map(({ action }, i) => ({
      messages: conversation({ task: { instructions: '' }, question, steps: steps.slice(0, i) }).map(
        ({ role, content, tokens }) => ({ role, content, ...(tokens !== undefined && { tokens }) }),
      ),
      completion: action.text,
    })),
  );
  // What surely fits: there are no more tokens than bytes.
  const short = requests.filter((request) => JSON.stringify(request).length < positions * 1.5);
  place.write('held-out.jsonl', `${short.map((request) => JSON.stringify(request)).join('\n')}\n`);
  const args = ['score', '--policy', policy, '--texts', 'held-out.jsonl', '--device', device, '--json'];
  const { stdout } = await done(place.swirl(args));
  const scored = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { logprobs: number[] });
  const logprobs = scored.flatMap((line) => line.logprobs);
  const sum = logprobs.reduce((a, b) => a + b, 0);
  return {
    actions: scored.length,
    tokens: logprobs.length,
    perAction: sum / scored.length,
    perToken: sum / logprobs.length,
  };
}

async function done(running: Promise<Ended>, codes: readonly number[] = [0]): Promise<Ended> {
  const ended = await running;
  if (ended.code !== null && codes.includes(ended.code)) return ended;
  throw new Error(`exit code ${ended.code} (${ended.signal})\n${ended.stdout}\n${ended.stderr}`);
}

async function timed(
  run: () => Promise<Ended>,
): Promise<{ readonly ended: Ended; readonly seconds: number }> {
  const from = performance.now();
  const ended = await run();
  return { ended, seconds: (performance.now() - from) / 1000 };
}
