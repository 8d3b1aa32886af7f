/** Kills a command at seeded moments and starts it again, until it comes to its end. */
import { seedFor, uniform } from '../../src/random.ts';
import { pause, until } from '../patience.ts';
import { type Watch, watch } from './run-records.ts';
import type { Ended, Workplace } from './swirl-process.ts';

/** At most so many kills; then the run is left to end. `SWIRL_KILLS=50` for more. */
export const MOST_KILLS = Number(process.env.SWIRL_KILLS ?? 6);
/** A kill comes up to so much later than what it waits for. */
const LATER_MS = 80;

export interface Survival {
  readonly run: string;
  readonly seed: number;
  /**
   * How many records the kills are spread over: each comes when the log has grown by some of them, and a
   * little later.
   */
  readonly spread: number;
  /** At most so many kills. */
  readonly most?: number;
  /** A kill waits for one more of these, in place of the log, every other time: checkpoints being written. */
  readonly also?: (() => number) | undefined;
}

/** Starts the command again and again, killing it at seeded moments, until it comes to its end. */
export async function survive(
  place: Workplace,
  args: readonly string[],
  { run, seed, spread, most = MOST_KILLS, also }: Survival,
): Promise<{ readonly kills: number; readonly last: Ended }> {
  const key = seedFor(seed, 'kills');
  let kills = 0;
  for (;;) {
    const log: Watch = await watch(place.path('runs'), run);
    const process = place.start(args);
    let running = true;
    const ended = process.ended.finally(() => {
      running = false;
    });
    if (kills < most) {
      const other = kills % 2 === 1 ? also : undefined;
      const growth = other ? 1 : 1 + Math.floor(uniform(key, 2 * kills) * (spread / most));
      const size = async () => other?.() ?? log.size();
      const before = await size();
      await until('the log to grow', async () => !running || (await size()) >= before + growth);
      await pause(uniform(key, 2 * kills + 1) * LATER_MS);
      process.child.kill('SIGKILL');
    }
    const last = await ended;
    await log.close();
    if (last.signal === null) return { kills, last };
    kills++;
  }
}
