/**
 * A checkpoint's own chat template (Jinja, as transformers renders it: `apply_chat_template`), by
 * `@huggingface/jinja`. It is a function of the messages and of the settings alone: templates that write
 * today's date get a fixed one.
 */
import { Environment, parse, tokenize } from '@huggingface/jinja';
import { ConfigError, ModelError } from '../errors.ts';
import { BoundedInterpreter } from './template-interpreter.ts';
import type { TemplateVariables } from './template-variables.ts';

export interface TemplateMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** The date that templates see, which is also what Llama 3's fall back on where they are given none. */
const fixedDate: Readonly<Record<string, string>> = {
  '%Y': '2024',
  '%y': '24',
  '%m': '07',
  '%d': '26',
  '%-d': '26',
  '%j': '208',
  '%b': 'Jul',
  '%B': 'July',
  '%a': 'Fri',
  '%A': 'Friday',
  '%H': '00',
  '%I': '12',
  '%M': '00',
  '%S': '00',
  '%p': 'AM',
  '%%': '%',
};

/** Longest list that `range` makes: a template's loops are over messages. */
const maxRange = 100_000;

export class ChatTemplate {
  readonly #program: ReturnType<typeof parse>;
  readonly #tokens: Readonly<Record<string, string>>;
  readonly #variables: TemplateVariables;

  /**
   * `tokens` are `bos_token`, `eos_token`, ...; `where` names the file in errors. Throws `ConfigError` where
   * the source is no Jinja.
   */
  constructor(
    source: string,
    {
      tokens,
      where,
      variables = {},
    }: {
      readonly tokens: Readonly<Record<string, string>>;
      readonly where: string;
      readonly variables?: TemplateVariables;
    },
  ) {
    this.#tokens = tokens;
    this.#variables = variables;
    try {
      this.#program = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
    } catch (cause) {
      throw new ConfigError(
        `${where}: the chat template cannot be read (${(cause as Error).message}). ` +
          'Mend it, or say how conversations are written in a "swirl" section of tokenizer_config.json.',
        { cause },
      );
    }
  }

  /**
   * The messages as text; with `open` up to where the next assistant message begins. Throws `ModelError`
   * where the template refuses them.
   */
  render(messages: readonly TemplateMessage[], { open }: { readonly open: boolean }): string {
    const environment = new Environment();
    const variables = {
      ...globals,
      ...this.#variables,
      ...this.#tokens,
      messages: messages.map(({ role, content }) => ({ role, content })),
      add_generation_prompt: open,
      tools: null,
      documents: null,
    };
    for (const [name, value] of Object.entries(variables)) environment.set(name, value);
    const characters = messages.reduce((sum, { content }) => sum + content.length, 0);
    const interpreter = new BoundedInterpreter(environment, { messages: messages.length, characters });
    try {
      return String(interpreter.run(this.#program).value);
    } catch (cause) {
      throw new ModelError(
        `the policy's chat template refuses this conversation: ${(cause as Error).message}`,
        {
          cause,
        },
      );
    }
  }
}

const globals: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  range,
  raise_exception: (message: unknown) => {
    throw new Error(String(message));
  },
  strftime_now: (format: unknown) =>
    String(format).replace(/%-?[A-Za-z%]/g, (directive) => fixedDate[directive] ?? directive),
};

function range(...limits: unknown[]): number[] {
  const numbers = limits.filter((limit) => typeof limit === 'number');
  const [start, stop] = numbers.length > 1 ? [numbers[0], numbers[1]] : [0, numbers[0] ?? 0];
  const step = numbers[2] ?? 1;
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= maxRange)) throw new Error(`range: expected at most ${maxRange} numbers, found ${length}`);
  return Array.from({ length }, (_, i) => start + i * step);
}
