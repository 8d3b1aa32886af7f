/** The reader `module`: a function of the user's makes questions of a data file. */
import { setImmediate } from 'node:timers/promises';
import { PLAIN_QUESTION, plainQuestion, questionMaker } from '../agent/plain-question.ts';
import { DataError } from '../errors.ts';
import type { Input } from '../input/input.ts';
import { lines, MAX_QUESTION_BYTES } from '../input/lines.ts';
import type { ReadOptions } from '../input/rows.ts';
import type { ReaderFile } from '../parts/calls.ts';
import type { PartCalls } from '../parts/define.ts';
import { kind } from '../parts/kind.ts';
import { inTime } from '../runtime/time-limit.ts';
import type { Question } from '../topics/records.generated.ts';
import {
  callModule,
  type ModuleContext,
  type ModulePart,
  openModulePart,
  readGiven,
  shown,
} from './call-module.ts';
import { asModule } from './module-output.ts';
import { moduleSettings } from './module-settings.ts';

export const moduleReader = kind({
  name: 'module',
  about: "A reader of one's own, in a module; `timeoutMs` is for each question.",
  settings: moduleSettings,
  make: async (config, context: ModuleContext) => {
    const part = await openModulePart('reader', config, context);
    const { timeoutMs } = config;
    return {
      topic: 'questions' as const,
      read: (input: Input, options: ReadOptions) => read(part, { input, options, timeoutMs }),
      close: part.close,
    };
  },
});

/** How many questions are taken before others have their turn. */
const MOST_IN_A_TURN = 256;

interface Reading {
  readonly input: Input;
  readonly options: ReadOptions;
  readonly timeoutMs: number;
}

/** A question that is none goes to `skip`; what the function throws ends the reading. */
async function* read(
  { call, origin, where }: ModulePart<PartCalls['reader']>,
  { input, options, timeoutMs }: Reading,
): AsyncGenerator<Question, void, void> {
  const end = new AbortController();
  const { signal } = end;
  const place = { where, about: input.name, timeoutMs, signal, Fault: DataError };
  const file = fileOf(input, options);
  const given: unknown = await callModule((late) => call(file, { signal: late }), place);
  const questions = readGiven(() => iteratorOf(given), place);
  if (questions === null) {
    throw new DataError(
      `${where} gave no questions for ${input.name}: expected an iterable, found ${shown(given)}`,
    );
  }
  const questionOf = questionMaker(input, options);
  try {
    for (let number = 1; ; number++) {
      // Of one that gives all at once and nothing that can be used nobody waits: signals and timers get their turn.
      if (number % MOST_IN_A_TURN === 0) await setImmediate();
      const about = `question ${number} of ${input.name}`;
      const next = async () => {
        const { done, value } = await questions.next();
        return { done, value };
      };
      const { done, value } = await callModule(next, { ...place, about });
      if (done === true) return;
      try {
        const plain = readGiven(() => checked(value, `${where}, ${about}`), { ...place, about });
        const question = { ...questionOf(plain, { place: about, number }), by: origin };
        if (plain.id === undefined) options.onGenerated?.(question);
        yield question;
      } catch (error) {
        if (!(error instanceof DataError) || options.skip === undefined) throw error;
        options.skip(error);
      }
    }
  } finally {
    end.abort();
    // Whoever reads no further lets it close what it has open, without waiting for it for ever.
    const closing = async () => void (await questions.return?.(undefined));
    await asModule(() => inTime(closing, { timeoutMs })).catch(() => {});
  }
}

function checked(value: unknown, place: string) {
  const result = plainQuestion.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.slice(0, 3).map(({ path, message }) => {
    return path.length === 0 ? message : `\`${path.map(String).join('.')}\`: ${message}`;
  });
  throw new DataError(`${place}: expected ${PLAIN_QUESTION}; ${problems.join('; ')}`);
}

function fileOf(input: Input, { skip }: ReadOptions): ReaderFile {
  return {
    name: input.name,
    bytes: () => input.open(),
    async *lines() {
      for await (const { text, error } of lines(input, MAX_QUESTION_BYTES)) {
        if (error === null) yield text ?? '';
        else if (skip === undefined) throw error;
        else skip(error);
      }
    },
  };
}

/** Of anything that `for await` would take. */
function iteratorOf(value: unknown): AsyncIterator<unknown> | Iterator<unknown> | null {
  if (typeof value !== 'object' || value === null) return null;
  const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = value as AsyncIterable<unknown> &
    Iterable<unknown>;
  return (later ?? now)?.call(value) ?? null;
}
