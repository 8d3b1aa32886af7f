/**
 * A folder's renderer within bounds: every conversation within a time, and long ones beside the event loop,
 * so that a worker's heartbeats go on.
 */
import type { Message } from '../agent/model.ts';
import { inTime, LONGEST_MS, OvertimeError } from './in-time.ts';
import type { Renderer, Rendering } from './render.ts';
import { type RenderFolder, RenderThread } from './render-thread.ts';

/** Conversations of more characters are rendered in a thread: the event loop waits for fewer about 0.1 s. */
const LONG = 20_000;
/** What takes longer on the event loop is done again in a thread, in milliseconds. */
const SHORT_MS = 1_000;

export interface RendererBounds {
  /** The longest that one conversation may take, in milliseconds. */
  readonly limitMs?: number | undefined;
}

export class BoundedRenderer implements Renderer {
  readonly endOfTurn: number;
  readonly stopTokens: readonly number[];
  readonly #renderer: Renderer;
  readonly #limitMs: number;
  readonly #thread: RenderThread;

  /** `folder` is what `renderer` was made of. */
  constructor(renderer: Renderer, folder: RenderFolder, { limitMs = LONGEST_MS }: RendererBounds = {}) {
    this.endOfTurn = renderer.endOfTurn;
    this.stopTokens = renderer.stopTokens;
    this.#renderer = renderer;
    this.#limitMs = limitMs;
    this.#thread = new RenderThread(folder, limitMs);
  }

  render(messages: readonly Message[], { open = false }: { readonly open?: boolean } = {}): Rendering {
    return this.#inTime(this.#limitMs, messages, open);
  }

  async renderAside(messages: readonly Message[], { open = false }: { readonly open?: boolean } = {}) {
    if (charactersOf(messages) <= LONG) {
      try {
        return this.#inTime(Math.min(SHORT_MS, this.#limitMs), messages, open);
      } catch (error) {
        // On a busy machine short work may take long: the thread's longer time decides.
        if (!(error instanceof OvertimeError)) throw error;
      }
    }
    return this.#thread.render({ messages, open });
  }

  #inTime(ms: number, messages: readonly Message[], open: boolean): Rendering {
    const what = () => `a conversation of ${charactersOf(messages)} characters becomes tokens`;
    return inTime({ ms, what }, () => this.#renderer.render(messages, { open }));
  }
}

/** By the renderer's own way beside the event loop, where it has one. */
export async function renderAside(
  renderer: Pick<Renderer, 'render' | 'renderAside'>,
  messages: readonly Message[],
  options: { readonly open?: boolean } = {},
): Promise<Rendering> {
  return renderer.renderAside?.(messages, options) ?? renderer.render(messages, options);
}

/** Whether a conversation is better rendered beside the event loop. */
export function isLong(messages: readonly Message[]): boolean {
  return charactersOf(messages) > LONG;
}

function charactersOf(messages: readonly Message[]): number {
  return messages.reduce((sum, { content }) => sum + content.length, 0);
}
