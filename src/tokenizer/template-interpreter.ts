/**
 * Runs a chat template within bounds. It is a stranger's program: its steps are counted, and so are the
 * characters and items of all that it makes, which bounds its time and its memory. Both are counted alike on
 * every machine, so that a template is refused everywhere or nowhere.
 */
import { type Environment, Interpreter, type parse } from '@huggingface/jinja';

/** Steps for a conversation, and more for each message: a template walks over the messages a few times. */
const STEPS = 200_000;
const STEPS_A_MESSAGE = 5_000;
/** Characters and items that a template may make, in all its intermediate values: so many, and a share of what it is given. */
const MADE = 2_000_000;
const MADE_A_CHARACTER = 200;

/** A part of a template, and what comes of it, as far as is needed here. */
interface Part {
  readonly type: string;
  /** Of a loop: what it goes through. */
  readonly iterable?: Part;
  /** Of what a loop chooses from. */
  readonly lhs?: Part;
}
interface Evaluated {
  readonly value: unknown;
}

/** Its declarations do not say what it has. */
const Runs = Interpreter as unknown as new (
  environment: Environment,
) => {
  run(program: ReturnType<typeof parse>): Evaluated;
  evaluate(part: Part | undefined, environment: Environment): Evaluated;
};

/** What a template is given. */
export interface Given {
  readonly messages: number;
  readonly characters: number;
}

export class BoundedInterpreter extends Runs {
  readonly #mostSteps: number;
  readonly #mostMade: number;
  /** What loops go through: each item is a step, as a loop's body may be empty. */
  readonly #iterables = new WeakSet<Part>();
  #steps = 0;
  #made = 0;

  constructor(environment: Environment, { messages, characters }: Given) {
    super(environment);
    this.#mostSteps = STEPS + STEPS_A_MESSAGE * messages;
    this.#mostMade = MADE + MADE_A_CHARACTER * characters;
  }

  /** Every part of the template is evaluated by this. */
  override evaluate(part: Part | undefined, environment: Environment): Evaluated {
    this.#step(1);
    const iterable = part?.iterable;
    if (iterable) this.#iterables.add(iterable.lhs ?? iterable);
    const found = super.evaluate(part, environment);
    if (part && this.#iterables.has(part)) this.#step(sizeOf(found.value));
    // A name has its value already, and a literal is in the template.
    if (part?.type !== 'Identifier') this.#made += sizeOf(found.value);
    if (this.#made > this.#mostMade) {
      throw new Error(`expected at most ${this.#mostMade} characters and items to be made, found more`);
    }
    return found;
  }

  #step(count: number): void {
    this.#steps += count;
    if (this.#steps > this.#mostSteps)
      throw new Error(`expected at most ${this.#mostSteps} steps, found more`);
  }
}

/** Characters or items. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return value instanceof Map ? value.size : 0;
}
