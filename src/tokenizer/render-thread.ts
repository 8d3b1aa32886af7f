/**
 * Renders conversations in a thread beside the process's own: long ones, which would keep it from its
 * heartbeats, and those that took too long there. The thread is bounded in time and in memory, and is ended
 * where it goes beyond them.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Message } from '../agent/model.ts';
import { ModelError } from '../errors.ts';
import { HOSTILE, OvertimeError } from './in-time.ts';
import type { LanguageSettings } from './language-settings.ts';
import type { Rendering } from './render.ts';

/** The most memory of the thread's JavaScript, in MiB: a conversation of 4 MB takes a quarter of it. */
const MOST_MIB = 2048;
/** A thread without work is ended after so long, in milliseconds: it holds the whole vocabulary. */
const IDLE_MS = 30_000;

/** What the thread opens, as `openLanguage` does. */
export interface RenderFolder {
  readonly path: string;
  readonly settings: LanguageSettings;
}

export interface RenderRequest {
  readonly messages: readonly Message[];
  readonly open: boolean;
}

/** What the thread answers; first of all that it is ready. */
export type RenderAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'rendered'; readonly ids: Int32Array; readonly spans: Rendering['spans'] }
  | { readonly kind: 'refused'; readonly message: string };

/** A thread for one folder, started when there is work for it. */
export class RenderThread {
  readonly #folder: RenderFolder;
  readonly #limitMs: number;
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | undefined;
  /** One conversation at a time. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder: RenderFolder, limitMs: number) {
    this.#folder = folder;
    this.#limitMs = limitMs;
  }

  /** Throws `ModelError` where it is refused, and `OvertimeError` where it goes beyond its bounds. */
  render(request: RenderRequest): Promise<Rendering> {
    const rendered = this.#last.then(() => this.#render(request));
    this.#last = rendered.catch(() => {});
    return rendered;
  }

  async #render(request: RenderRequest): Promise<Rendering> {
    clearTimeout(this.#idle);
    const worker = this.#worker ?? (await this.#start());
    worker.ref();
    const answer = await this.#ask(worker, () => worker.postMessage(request));
    worker.unref();
    this.#idle = setTimeout(() => this.#end(), IDLE_MS).unref();
    if (answer.kind === 'rendered') return { ids: Array.from(answer.ids), spans: answer.spans };
    throw new ModelError(answer.kind === 'refused' ? answer.message : 'the thread answered nothing');
  }

  async #start(): Promise<Worker> {
    const worker = new Worker(entry(), {
      workerData: this.#folder,
      resourceLimits: { maxOldGenerationSizeMb: MOST_MIB },
    });
    this.#worker = worker;
    await this.#ask(worker, () => {});
    return worker;
  }

  /** What the thread says next; it is ended where that is not in time, or it ends by itself. */
  async #ask(worker: Worker, begin: () => void): Promise<RenderAnswer> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<RenderAnswer>((resolve, reject) => {
        const over = (message: string) =>
          new OvertimeError(`a conversation becomes tokens: ${message}. ${HOSTILE}`);
        timer = setTimeout(
          () => reject(over(`expected within ${this.#limitMs} ms, found it undone`)),
          this.#limitMs,
        );
        worker.once('message', resolve);
        worker.once('error', (error: NodeJS.ErrnoException) => {
          const memory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
          reject(memory ? over(`expected at most ${MOST_MIB} MiB of memory, found more needed`) : error);
        });
        worker.once('exit', (code) => reject(new ModelError(`the thread that renders ended with ${code}`)));
        begin();
      });
    } catch (error) {
      await this.#end();
      throw error;
    } finally {
      clearTimeout(timer);
      for (const event of ['message', 'error', 'exit']) worker.removeAllListeners(event);
    }
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    // What it still has to say is of no use.
    worker?.on('error', () => {});
    await worker?.terminate();
  }
}

/** What the thread runs, beside this file. Sources need a loader, which each thread has of its own. */
function entry(): URL {
  if (!import.meta.url.endsWith('.ts')) return new URL('./render-worker.js', import.meta.url);
  // What is resolved for CommonJS loads its own worker from where it is not.
  const loader = new URL('index.mjs', pathToFileURL(createRequire(import.meta.url).resolve('tsx/esm/api')));
  const [from, worker] = [loader.href, new URL('./render-worker.ts', import.meta.url).href].map((href) =>
    JSON.stringify(href),
  );
  const code = `import { register } from ${from}; register(); await import(${worker});`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}
