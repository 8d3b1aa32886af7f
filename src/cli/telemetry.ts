/** What a run tells other programs while it goes on: figures, health, files of its updates, traces. */
import { readFileSync } from 'node:fs';
import { ConfigError } from '../errors.ts';
import type { OpenRun, Started } from '../open-run.ts';
import { type CommittedRecord, observers, type RunObserver } from '../runtime/observer.ts';
import { type MetricsServer, startMetricsServer } from '../telemetry/metrics-server.ts';
import { headersIn, OtlpExporter } from '../telemetry/otlp.ts';
import { RunMetrics } from '../telemetry/run-metrics.ts';
import { TrajectorySpans } from '../telemetry/trajectory-spans.ts';
import type { TimedUpdate, UpdateFiles } from '../telemetry/update-files.ts';
import type { Update } from '../topics/records.generated.ts';
import { runIdentity } from '../topology/resolved.ts';
import type { Topology } from '../topology/topology.ts';
import { redactOf, shownText } from '../watch/shown-text.ts';
import { updateFilesOf } from './update-files-of.ts';

export interface Telemetry {
  readonly observer: RunObserver;
  /** The run is open: files of its updates begin with those that it has. */
  begin(run: OpenRun): Promise<void>;
  /** The stages are at work. */
  follow(started: Started): void;
  /** They are not any more. */
  ended(): void;
  close(): Promise<void>;
}

export interface TelemetryOptions {
  /** In place of the topology's. */
  readonly port?: number | undefined;
  readonly say: (message: string) => void;
}

/** Throws a `ConfigError` where the port is taken, or the variable with headers is not set. */
export async function openTelemetry(
  topology: Topology,
  { port: asked, say }: TelemetryOptions,
): Promise<Telemetry> {
  const version = ownVersion();
  const { run } = topology;
  const metrics = new RunMetrics({ run, version });
  const traces = tracesOf(topology, { version, say });
  const files: { open: UpdateFiles | null } = { open: null };
  let started: Started | null = null;
  let state = 'opening the run';
  const { host } = topology.metrics;
  const port = asked ?? topology.metrics.port;
  let server: MetricsServer | null = null;
  if (port !== null) {
    server = await startMetricsServer({
      ...{ host, port },
      metrics: async () =>
        metrics.text({
          stages: (await started?.progress()) ?? [],
          alarms: started?.alarms() ?? [],
          spending: started?.spending() ?? null,
        }),
      notReady: () => (started === null ? state : null),
    });
    say(`metrics: ${server.url}`);
  }
  return {
    observer: observers([
      ...(server === null ? [] : [metrics]),
      ...(traces === null ? [] : [{ onCommit: traces.onCommit }]),
      { onCommit: (committed) => files.open?.append(updatesIn(committed)) },
    ]),
    begin: async (opened) => {
      if (topology.updateFiles.length > 0) files.open = await updateFilesOf(opened, topology.updateFiles);
    },
    follow: (running) => {
      started = running;
    },
    ended: () => {
      started = null;
      state = 'the run has ended';
    },
    close: async () => {
      await traces?.close();
      await server?.close();
    },
  };
}

interface Traces {
  onCommit(committed: CommittedRecord): void;
  close(): Promise<void>;
}

function tracesOf(
  topology: Topology,
  { version, say }: { readonly version: string; readonly say: (message: string) => void },
): Traces | null {
  const { endpoint, headersEnv, content, share, timeoutMs, endMs } = topology.traces;
  if (endpoint === null) return null;
  const headers = headersEnv === null ? '' : process.env[headersEnv];
  if (headers === undefined) {
    throw new ConfigError(
      `traces.headersEnv: the variable ${headersEnv} is not set; expected name=value,name=value`,
    );
  }
  const redact = redactOf(topology, process.env);
  const spans = new TrajectorySpans({
    run: topology.run,
    share,
    content: content ? (text) => shownText(text, redact).text : null,
  });
  const identity = runIdentity(topology);
  const exporter = new OtlpExporter({
    ...{
      endpoint,
      version,
      timeoutMs,
      endMs,
      notify: say,
      origin: performance.timeOrigin,
      headers: headersIn(headers),
    },
    resource: {
      'service.name': 'swirl',
      'service.version': version,
      'swirl.run': topology.run,
      ...(identity === null ? {} : { 'service.instance.id': identity }),
    },
  });
  return {
    onCommit: (committed) => exporter.add(spans.of(committed)),
    close: () => exporter.close(),
  };
}

function updatesIn({ outputs }: CommittedRecord): TimedUpdate[] {
  const time = Date.now();
  return outputs.flatMap(({ topic, value }) =>
    topic === 'updates' ? [{ update: value as unknown as Update, time }] : [],
  );
}

function ownVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
