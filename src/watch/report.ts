/** A run as one file that can be sent: the page with a sample of the run within it, and no server. */
import { jsonForHtml } from './json-for-html.ts';
import { pageFiles, pageHtml } from './page-files.ts';
import type { RunWatch } from './run-watch.ts';

export interface ReportOptions {
  /** How many trajectories it holds, spread evenly over the run. */
  readonly trajectories: number;
  /** When it is made, in milliseconds since 1970. */
  readonly time: number;
}

/** Bytes of trajectories that a report holds, about. */
const MOST_BYTES = 16 * 1024 * 1024;

export interface Report {
  readonly html: string;
  /** How many trajectories are in it, of how many there are. */
  readonly trajectories: number;
  readonly of: number;
}

export async function reportOf(
  watch: RunWatch,
  { trajectories: wanted, time }: ReportOptions,
): Promise<Report> {
  const sampled = await watch.sample(wanted);
  let bytes = 0;
  const trajectories = sampled.filter((one) => {
    bytes += JSON.stringify(one).length;
    return bytes <= MOST_BYTES;
  });
  const flow = await watch.flow();
  const of = flow.topics.find(({ name }) => name === 'trajectories')?.count ?? 0;
  const about = watch.about();
  const note =
    trajectories.length < of
      ? `A report of the run ${about.run}: ${trajectories.length} of its ${of} trajectories, evenly spread.`
      : `A report of the run ${about.run}, with all of its trajectories.`;
  const data = {
    report: { note, time },
    ...{ about, flow, trajectories },
    curves: await watch.curves(),
    failures: await watch.failures(),
    outcomes: await watch.outcomes(),
  };
  const files = pageFiles();
  const { html } = pageHtml(files, {
    address: (name) =>
      `data:text/javascript;base64,${Buffer.from(files.modules.get(name)?.text ?? '').toString('base64')}`,
    data: jsonForHtml(data),
    title: `${about.run} · swirl report`,
  });
  return { html, trajectories: trajectories.length, of };
}
