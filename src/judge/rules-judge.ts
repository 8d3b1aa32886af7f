/**
 * The process judge `rules`: checks what can be checked without a model, by the context alone. A rule that is
 * broken makes an action BAD, one that holds makes it GOOD, and where no rule can tell it is UNKNOWN. Each
 * rationale names its rule.
 */

import { z } from 'zod';
import { parseNumber, sameNumber } from '../agent/answers.ts';
import type { CallOptions, Judge } from '../agent/model.ts';
import { toNumber } from '../agent/numbers/rational.ts';
import { type Quantity, readNumber, sameQuantity } from '../agent/numbers/read-number.ts';
import { textForm } from '../agent/text-form.ts';
import type { Tool } from '../agent/tool.ts';
import { NOTHING_FOUND } from '../agent/tool.ts';
import { kind } from '../parts/kind.ts';
import type { Action, Step, SubTrajectory, Verdict } from '../topics/records.generated.ts';

export interface RulesJudgeDeps {
  /** The run's tools; a pure one, such as the calculator, is asked whether a call of it has a result. */
  readonly tools: readonly Tool[];
}

export const rulesJudgeKind = kind({
  name: 'rules',
  about: 'Checks what can be checked without a model.',
  settings: z.strictObject({}),
  make: async (_config, { tools }: { readonly tools: () => Promise<readonly Tool[]> }) =>
    rulesJudge({ tools: await tools() }),
});

type Ruling = Pick<Verdict, 'label' | 'rationale'>;

export function rulesJudge({ tools }: RulesJudgeDeps): Judge {
  const name = 'rules';
  const rule = async (
    { question, context, action }: SubTrajectory,
    options: CallOptions,
  ): Promise<Ruling> => {
    switch (action.kind) {
      case 'NONE':
        return bad('well-formed: the message has not exactly one tool call or answer in its tags.');
      case 'TOOL_CALL': {
        const tool = tools.find((candidate) => candidate.name === action.tool);
        return ruleOnCall(action, { context, tool, options });
      }
      case 'ANSWER':
        return ruleOnAnswer(action.content ?? '', { context, question: question.text });
    }
  };
  return {
    name,
    judge: async (step, options) => ({ ...(await rule(step, options)), judge: name, votes: [] }),
  };
}

async function ruleOnCall(
  action: Action,
  given: {
    readonly context: readonly Step[];
    readonly tool: Tool | undefined;
    readonly options: CallOptions;
  },
): Promise<Ruling> {
  const { context, tool, options } = given;
  const form = (argument: string) => tool?.callForm?.(argument) ?? plainCall(argument);
  const asked = form(action.content ?? '');
  const repeats = context.some(
    (step) =>
      step.action.tool === action.tool &&
      // A call that timed out is worth another try.
      step.observation?.status !== 'TIMED_OUT' &&
      form(step.action.content ?? '') === asked,
  );
  if (repeats) return bad('no repetition: the same call was made before.');
  if (tool === undefined)
    return unknown(`known tools: there is no rule for the tool ${JSON.stringify(action.tool)}.`);
  if (!tool.pure) return good('no repetition: this was not asked before.');
  const { status, text } = await tool.call(action.content ?? '', options);
  return status === 'OK' ? good(`has a result: ${text}`) : bad(`has a result: ${text}`);
}

function ruleOnAnswer(
  answer: string,
  { context, question }: { readonly context: readonly Step[]; readonly question: string },
): Ruling {
  const results = context.flatMap(({ observation }) =>
    observation?.status === 'OK' && observation.text !== NOTHING_FOUND ? [observation.text] : [],
  );
  if (results.length === 0) return bad('follows from the results: there is no result to answer from.');
  const number = readNumber(answer);
  if (number !== null) return ruleOnNumber(number, { answer, results, question });
  const wanted = textForm(answer);
  if (wanted === '' || wanted === 'yes' || wanted === 'no') {
    return unknown('follows from the results: for such an answer no rule can tell.');
  }
  const texts = results.map((text) => ` ${textForm(text)} `);
  if (texts.some((text) => text.includes(` ${wanted} `)))
    return good('follows from the results: they contain it.');
  const missing = wanted.split(' ').find((word) => !texts.some((text) => text.includes(` ${word} `)));
  return missing === undefined
    ? unknown('follows from the results: they contain its words, but not together.')
    : bad('follows from the results: they do not contain it.');
}

/**
 * A number follows if a result says it, or is it once rounded; from articles, it may have been worked out.
 */
function ruleOnNumber(
  said: Quantity,
  given: { readonly answer: string; readonly results: readonly string[]; readonly question: string },
): Ruling {
  const { answer, results, question } = given;
  const decimals = /\.(\d+)/.exec(answer)?.[1]?.length ?? 0;
  const number = toNumber(said.value);
  const calculated = results.flatMap((text) => readNumber(text) ?? []);
  if (calculated.some((value) => sameQuantity(value, said)))
    return good('follows from the results: it is one of them.');
  if (calculated.some(({ value }) => Math.abs(toNumber(value) - number) <= 0.5 * 10 ** -decimals)) {
    return good('follows from the results: it is one of them, rounded.');
  }
  if (results.some((text) => numbersIn(text).some((value) => sameNumber(value, number)))) {
    return good('follows from the results: they contain it.');
  }
  if (calculated.length < results.length)
    return unknown('follows from the results: it may be worked out from them.');
  return numbersIn(question).some((value) => sameNumber(value, number))
    ? unknown('follows from the results: it is a number of the question.')
    : bad('follows from the results: it is none of them.');
}

function numbersIn(text: string): number[] {
  const found = text.match(/(?<![\d.,])-?\d[\d,]*(?:\.\d+)?/g) ?? [];
  return found.flatMap((word) => parseNumber(word.replace(/,+$/, '')) ?? []);
}

/**
 * An argument as a tool takes it that says nothing else: the text, or the JSON value, whatever the order of
 * its keys.
 */
function plainCall(argument: string): string {
  const text = argument.trim();
  if (!/^[{[]/.test(text)) return text;
  try {
    return JSON.stringify(sorted(JSON.parse(text), 0));
  } catch {
    return text;
  }
}

/** A JSON value with its keys in order, as deep as arguments are read. */
function sorted(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth > 64) return value;
  if (Array.isArray(value)) return value.map((item) => sorted(item, depth + 1));
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, item]) => [key, sorted(item, depth + 1)]);
}

function good(rationale: string): Ruling {
  return { label: 'GOOD', rationale };
}

function bad(rationale: string): Ruling {
  return { label: 'BAD', rationale };
}

function unknown(rationale: string): Ruling {
  return { label: 'UNKNOWN', rationale };
}
