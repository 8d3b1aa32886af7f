/**
 * The state of a run to browsers as it changes (server-sent events). A browser that is slow is sent no more until
 * it has read what it was sent: it loses states, is told how many, and holds nobody up.
 */
import type { ServerResponse } from 'node:http';
import type { RunWatch } from './run-watch.ts';

/** Bytes that may wait for a browser. */
const MOST_WAITING = 256 * 1024;

/** Browsers that may listen at once. */
const MOST_LISTENERS = 32;

export class Live {
  readonly #intervalMs: number;
  readonly #listeners = new Set<ServerResponse>();

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Sends what is new until the browser goes. Returns false where there are too many. */
  listen(watch: RunWatch, response: ServerResponse): boolean {
    if (this.#listeners.size >= MOST_LISTENERS) return false;
    this.#listeners.add(response);
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    let [lost, busy] = [0, false];
    const send = async () => {
      if (busy) return;
      busy = true;
      try {
        if (response.writableLength > MOST_WAITING) {
          lost++;
          return;
        }
        const flow = await watch.flow();
        if (!response.destroyed)
          response.write(`event: flow\ndata: ${JSON.stringify({ ...flow, lost })}\n\n`);
        await watch.advance(this.#intervalMs / 10);
      } catch (error) {
        // The log was closed or deleted: the browser comes again, and is then told.
        response.destroy(error instanceof Error ? error : undefined);
      } finally {
        busy = false;
      }
    };
    const timer = setInterval(() => void send(), this.#intervalMs);
    response.once('close', () => {
      clearInterval(timer);
      this.#listeners.delete(response);
    });
    void send();
    return true;
  }

  close(): void {
    for (const response of this.#listeners) response.destroy();
  }
}
