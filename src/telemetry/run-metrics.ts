/** What Prometheus is told of a run: of what this process does, since it began. */
import type { RaisedAlarm } from '../monitor/alarms.ts';
import type { CommittedRecord, Retried, RunObserver, TrainingProgress } from '../runtime/observer.ts';
import type { StageProgress } from '../runtime/run.ts';
import type { Spending } from '../spending/spent.ts';
import type { Judged, Trajectory, Update } from '../topics/records.generated.ts';
import { Registry } from './prometheus-text.ts';

/** Bounds of durations, in seconds: from a rule that is asked to an update of a large policy. */
const SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/** Gauges of the last update, by its fields. */
const OF_UPDATE = {
  step: ['swirl_update_step', 'The number of the last update.'],
  meanReward: ['swirl_update_reward_mean', 'Mean reward of the last batch.'],
  loss: ['swirl_update_loss', 'The objective before the last update.'],
  meanLogprob: ['swirl_update_logprob_mean', 'Mean logprob of an action token before the last update.'],
  kl: ['swirl_update_kl_mean', 'Mean KL estimate per token toward the initial policy.'],
  meanRatio: ['swirl_update_ratio_mean', 'Mean ratio of the probabilities now and when they were sampled.'],
  clippedShare: ['swirl_update_clipped_ratio', 'Share of the tokens whose ratio clipRatio cut.'],
  gradNorm: ['swirl_update_gradient_norm', 'Norm of the gradient before clipping.'],
  learningRate: ['swirl_update_learning_rate', 'Learning rate of the last update.'],
} as const;

export interface RunMetricsOptions {
  readonly run: string;
  readonly version: string;
}

interface SeenNow {
  readonly stages: readonly StageProgress[];
  readonly alarms: readonly RaisedAlarm[];
  /** Null before there is a run. */
  readonly spending: Spending | null;
}

export class RunMetrics implements RunObserver {
  readonly #registry = new Registry();
  readonly #run: string;
  readonly #records;
  readonly #written;
  readonly #failures;
  readonly #retries;
  readonly #lag;
  readonly #inFlight;
  readonly #durations;
  readonly #verdicts;
  readonly #trajectories;
  readonly #sampled;
  readonly #trained;
  readonly #updates;
  readonly #empty;
  readonly #updateDurations;
  readonly #update;
  readonly #epoch;
  readonly #alarms;
  readonly #alarmsActive;
  readonly #requests;
  readonly #requestFailures;
  readonly #kept;
  readonly #tokens;
  readonly #money;
  readonly #cpu;
  readonly #memory;
  #trainingMs = 0;

  constructor({ run, version }: RunMetricsOptions) {
    const registry = this.#registry;
    this.#run = run;
    registry.gauge('swirl_build_info', 'The version of Swirl.').set({ version }, 1);
    this.#records = registry.counter('swirl_stage_records_total', 'Records that a stage has committed past.');
    this.#written = registry.counter('swirl_records_written_total', 'Records that a stage has written.');
    this.#failures = registry.counter('swirl_failures_total', 'Records that became failures.');
    this.#retries = registry.counter('swirl_retries_total', 'Tries that failed and were made again.');
    this.#lag = registry.gauge(
      'swirl_stage_lag_records',
      'Records that wait for a stage, in flight included.',
    );
    this.#inFlight = registry.gauge('swirl_stage_in_flight_records', 'Records that a stage is working on.');
    this.#durations = registry.durations(
      'swirl_stage_duration_seconds',
      'From when a record came to a stage until it was finished.',
      SECONDS,
    );
    this.#verdicts = registry.counter('swirl_verdicts_total', 'Steps that were judged.');
    this.#trajectories = registry.counter('swirl_trajectories_total', 'Trajectories that came to their end.');
    this.#sampled = registry.counter(
      'swirl_sampled_tokens_total',
      'Tokens of actions, where the policy tells them.',
    );
    this.#trained = registry.counter('swirl_trained_tokens_total', 'Tokens through the policy in training.');
    this.#updates = registry.counter('swirl_updates_total', 'Updates of the policy.');
    this.#empty = registry.counter('swirl_empty_batches_total', 'Batches that taught nothing.');
    this.#updateDurations = registry.durations(
      'swirl_update_duration_seconds',
      'From when a batch was full until its update was made.',
      SECONDS,
    );
    this.#update = Object.entries(OF_UPDATE).map(
      ([field, [name, help]]) => [field as keyof typeof OF_UPDATE, registry.gauge(name, help)] as const,
    );
    this.#epoch = registry.gauge('swirl_training_epoch', 'Which pass over the records it is, from 1.');
    this.#alarms = registry.counter('swirl_alarms_raised_total', 'How often an alarm was raised.');
    this.#alarmsActive = registry.gauge('swirl_alarm_active', 'Whether an alarm holds now.');
    this.#requests = registry.counter(
      'swirl_requests_total',
      'Requests to endpoints and tools, of the whole run.',
    );
    this.#requestFailures = registry.counter(
      'swirl_request_failures_total',
      'Requests that ended with an error.',
    );
    this.#kept = registry.counter(
      'swirl_kept_answers_total',
      'Requests that were spared by an answer that was kept.',
    );
    this.#tokens = registry.counter('swirl_endpoint_tokens_total', 'Tokens that endpoints told of.');
    this.#money = registry.counter('swirl_spent_money_total', 'Money by the price list, in its currency.');
    for (const counter of [this.#sampled, this.#trained, this.#updates, this.#empty]) counter.add({ run }, 0);
    for (const end of ['ANSWERED', 'OUT_OF_STEPS', 'OUT_OF_CONTEXT']) this.#trajectories.add({ run, end }, 0);
    for (const label of ['GOOD', 'BAD', 'UNKNOWN']) this.#verdicts.add({ run, label }, 0);
    registry
      .gauge('process_start_time_seconds', 'When the process began, in seconds since 1970.')
      .set({}, performance.timeOrigin / 1000);
    this.#cpu = registry.counter('process_cpu_seconds_total', 'Processor time of the process.');
    this.#memory = registry.gauge('process_resident_memory_bytes', 'Memory of the process.');
  }

  onRetry({ stage }: Retried): void {
    this.#retries.add({ run: this.#run, stage });
  }

  onCommit({ stage, offset, outputs, startedMs, finishedMs }: CommittedRecord): void {
    const run = this.#run;
    if (offset !== null) {
      this.#records.add({ run, stage });
      this.#durations.observe({ run, stage }, (finishedMs - startedMs) / 1000);
    }
    for (const { topic, value } of outputs) {
      this.#written.add({ run, stage, topic });
      if (topic === 'failures') this.#failures.add({ run, stage });
      else if (topic === 'judged') {
        this.#verdicts.add({ run, label: (value as unknown as Judged).verdict.label });
      } else if (topic === 'trajectories') this.#trajectory(value as unknown as Trajectory);
    }
  }

  onUpdate(update: Update): void {
    const run = this.#run;
    this.#updates.add({ run });
    this.#trained.add({ run }, update.rowTokens);
    if (update.gradNorm === 0) this.#empty.add({ run });
    for (const [field, gauge] of this.#update) {
      const value = update[field];
      if (value !== null) gauge.set({ run }, value);
    }
  }

  onEmptyBatch(): void {
    this.#empty.add({ run: this.#run });
  }

  onTraining({ epoch, since }: TrainingProgress): void {
    const run = this.#run;
    this.#epoch.set({ run }, epoch);
    this.#updateDurations.observe({ run }, Math.max(0, since.ms - this.#trainingMs) / 1000);
    this.#trainingMs = since.ms;
  }

  /** The text, with how far the stages are now, and what was spent. */
  text({ stages, alarms, spending }: SeenNow): string {
    const run = this.#run;
    this.#spent(spending);
    for (const { stage, backlog, inFlight } of stages) {
      this.#lag.set({ run, stage }, backlog);
      this.#inFlight.set({ run, stage }, inFlight);
      // What has not happened yet is 0 and not absent: a rate of it can be asked for.
      for (const counter of [this.#records, this.#failures, this.#retries]) counter.add({ run, stage }, 0);
    }
    for (const { when, times, holds } of alarms) {
      this.#alarms.set({ run, when }, times);
      this.#alarmsActive.set({ run, when }, Number(holds));
    }
    const { user, system } = process.cpuUsage();
    this.#cpu.set({}, (user + system) / 1e6);
    this.#memory.set({}, process.memoryUsage.rss());
    return this.#registry.text();
  }

  /** These go on from earlier processes of the run, as the ledger does. */
  #spent(spending: Spending | null): void {
    if (spending === null) return;
    for (const { stage, model, requests, failed, kept, usage, money } of spending.by) {
      const labels = { run: this.#run, stage, model };
      this.#requests.set(labels, requests);
      this.#requestFailures.set(labels, failed);
      this.#kept.set(labels, kept);
      const { input, cachedInput, output, reasoning } = usage;
      const kinds = {
        input: input - cachedInput,
        cached_input: cachedInput,
        output: output - reasoning,
        reasoning,
      };
      for (const [kind, count] of Object.entries(kinds)) this.#tokens.set({ ...labels, kind }, count);
      if (money !== null) this.#money.set({ ...labels, currency: spending.currency }, money);
    }
  }

  #trajectory({ end, steps }: Trajectory): void {
    const run = this.#run;
    this.#trajectories.add({ run, end });
    const tokens = steps.reduce((sum, { action }) => sum + (action.tokens?.length ?? 0), 0);
    if (tokens > 0) this.#sampled.add({ run }, tokens);
  }
}
