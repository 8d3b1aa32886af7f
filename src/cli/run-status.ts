/** What a run has learnt so far, as far as it goes on in this process: heard from the run as it works. */
import type { CommittedRecord, Retried, RunObserver, TrainingProgress } from '../runtime/observer.ts';
import type { StageProgress } from '../runtime/run.ts';
import type { Judged, Update, VerdictLabel } from '../topics/records.generated.ts';
import { duration } from './duration.ts';
import { sparkline } from './sparkline.ts';

/** Updates of which the points are kept; then every second one is, and so on. */
const MOST_POINTS = 2048;
/** Columns of the curve. */
const CURVE = 20;
/** Causes of retries that are told. */
const MOST_CAUSES = 20;

export class RunStatus implements RunObserver {
  readonly labels: Record<VerdictLabel, number> = { GOOD: 0, BAD: 0, UNKNOWN: 0 };
  trajectories = 0;
  accepted = 0;
  updates = 0;
  /** Retries by stage. */
  readonly retries = new Map<string, number>();
  training: TrainingProgress | null = null;
  update: Update | null = null;
  readonly #told = new Set<string>();
  readonly #onFirstRetry: (retried: Retried) => void;
  /** One of `#every` updates. */
  #points: { readonly reward: number; readonly logprob: number }[] = [];
  #every = 1;
  #sum = 0;

  /** `onFirstRetry`: told of each cause once. */
  constructor(onFirstRetry: (retried: Retried) => void = () => {}) {
    this.#onFirstRetry = onFirstRetry;
  }

  onRetry(retried: Retried): void {
    const { stage, error } = retried;
    this.retries.set(stage, (this.retries.get(stage) ?? 0) + 1);
    // What differs from record to record is no other cause.
    const cause = `${stage} ${error.name} ${error.message.slice(0, 500).replace(/\d+|"[^"]*"/g, '')}`;
    if (this.#told.has(cause) || this.#told.size >= MOST_CAUSES) return;
    this.#told.add(cause);
    this.#onFirstRetry(retried);
  }

  onCommit({ outputs }: CommittedRecord): void {
    for (const { topic, value } of outputs) {
      if (topic === 'judged') this.labels[(value as unknown as Judged).verdict.label]++;
      else if (topic === 'trajectories') this.trajectories++;
      // A trajectory passes as a whole: its first step stands for it.
      else if (topic === 'accepted') this.accepted += Number(isFirstStep(value));
    }
  }

  onUpdate(update: Update): void {
    this.update = update;
    this.#sum += update.meanReward;
    const { meanReward: reward, meanLogprob: logprob } = update;
    if (this.updates++ % this.#every === 0) this.#points.push({ reward, logprob });
    if (this.#points.length <= MOST_POINTS) return;
    this.#points = this.#points.filter((_, i) => i % 2 === 0);
    this.#every *= 2;
  }

  onTraining(progress: TrainingProgress): void {
    this.training = progress;
  }

  /** Mean reward of the updates: of all, of the first tenth and of the last tenth of them. */
  get rewards(): { readonly mean: number; readonly first: number; readonly last: number } | null {
    if (this.updates === 0) return null;
    const ends = endsOf(this.#points.map(({ reward }) => reward));
    return { mean: this.#sum / this.updates, ...ends };
  }

  /** How many steps were judged. */
  get judged(): number {
    return this.labels.GOOD + this.labels.BAD + this.labels.UNKNOWN;
  }

  /** What was judged and accepted, in a few words each. */
  judgedParts(): string[] {
    const { judged, trajectories, accepted } = this;
    const share = (part: number, of: number) => `${Math.round((100 * part) / of)}%`;
    return [
      ...(judged === 0 ? [] : [`GOOD ${share(this.labels.GOOD, judged)} of ${judged} steps`]),
      ...(trajectories === 0 ? [] : [`accepted ${share(accepted, trajectories)} of ${trajectories}`]),
    ];
  }

  /** The curve of the mean reward over the updates; of the logprob where every reward is the same. */
  curve(): string | null {
    if (this.#points.length < 2) return null;
    const rewards = this.#points.map(({ reward }) => reward);
    const isFlat = rewards.every((reward) => reward === rewards[0]);
    const numbers = isFlat ? this.#points.map(({ logprob }) => logprob) : rewards;
    const { first, last } = endsOf(numbers);
    return `${isFlat ? 'logprob' : 'reward'} ${sparkline(numbers, CURVE)} ${short(first)} to ${short(last)}`;
  }

  /** What training does now, the most important first; none before the first batch. */
  trainingParts(stages: readonly StageProgress[]): string[] {
    const { training, update } = this;
    if (training === null) return [];
    const { step, epoch, epochs, since } = training;
    const plan = trainingPlan(training, stages);
    const each = since.updates === 0 ? null : since.ms / since.updates;
    return [
      plan === null ? `update ${step}` : `update ${step}/${plan.updates}`,
      ...(epochs > 1 ? [`epoch ${epoch}/${epochs}`] : []),
      ...(update === null
        ? []
        : [`reward ${short(update.meanReward)}`, `logprob ${short(update.meanLogprob)}`]),
      ...(each === null ? [] : [`${duration(each)} each`]),
      ...(plan === null || each === null || plan.updates === step
        ? []
        : [`${duration(each * (plan.updates - step))} left`]),
    ];
  }
}

/**
 * How many updates there will be in the span that is trained on, and which share of its passes is done; null
 * while the stages before `train` have something to do, or before there was an update to reckon by.
 */
export function trainingPlan(
  { step, epoch, epochs, taken, records, uncommitted, since }: TrainingProgress,
  stages: readonly StageProgress[],
): { readonly updates: number; readonly share: number } | null {
  if (since.updates === 0 || since.records === 0) return null;
  const train = stages.find(({ stage }) => stage === 'train');
  if (records === null && (train === undefined || stages.some((one) => one !== train && one.backlog > 0)))
    return null;
  const pass = records ?? taken + Math.max(0, (train?.backlog ?? 0) - uncommitted);
  const rate = since.updates / since.records;
  // A pass that ends within a batch ends it.
  const made = (count: number) => Math.ceil(count * rate - 1e-6);
  const updates = step + made(pass - taken) + (epochs - epoch) * made(pass);
  return { updates, share: pass === 0 ? 1 : (epoch - 1 + taken / pass) / epochs };
}

/** Means of the first and of the last tenth. */
function endsOf(numbers: readonly number[]): { readonly first: number; readonly last: number } {
  const tenth = Math.max(1, Math.floor(numbers.length / 10));
  const mean = (part: readonly number[]) => part.reduce((a, b) => a + b, 0) / part.length;
  return { first: mean(numbers.slice(0, tenth)), last: mean(numbers.slice(-tenth)) };
}

function isFirstStep(value: object): boolean {
  const { subTrajectory } = value as { readonly subTrajectory?: { readonly index?: number } };
  return subTrajectory?.index === 0;
}

function short(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : String(value);
}
