/**
 * Worked examples: messages that stand before a question, as if they had been written and answered. A small
 * model copies what it sees more readily than it follows what it is told. They are no steps: no judge sees
 * them and nothing is trained on them.
 */
import { ANSWER_TAG, parseAction, type ToolTag } from './action.ts';
import type { ExampleTurn, Message } from './model.ts';
import type { ToldTool, WorkedQuestion } from './tool.ts';

/** Worked questions, of all tools together; each tool has one at least. */
const MOST_WORKED = 5;

/** Tools beyond these are in the instructions alone. */
const MOST_TOOLS = 8;

/** What is asked where a tool has no worked question: nobody knows what it would answer. */
const SHOW = 'Show me a message that calls';

const ANSWERED: readonly (readonly [question: string, answer: string])[] = [
  ['How many days do two weeks have?', '14'],
  ['Which ocean lies between Europe and America?', 'the Atlantic Ocean'],
  ['Is 21 a prime number?', 'no'],
];

/**
 * Swirl's own, for a task with these tools: of each tool a question that is answered in the end, and then
 * questions with their first call alone, all of them without a word beside. A model of 135 million parameters
 * wrote a tag in 2 of 10 first messages where there were words before the tags; and where more of the
 * examples were first messages, as the one is that it is to write, in more of its own (docs/real-models.md).
 */
export function examplesFor(task: {
  readonly maxSteps: number;
  readonly tools: readonly ToldTool[];
}): ExampleTurn[] {
  const tools = task.maxSteps < 2 ? [] : task.tools.slice(0, MOST_TOOLS);
  if (tools.length === 0) return ANSWERED.map(([user, answer]) => ({ user, assistant: answered(answer) }));
  const each = Math.max(1, Math.floor(MOST_WORKED / tools.length));
  const known = tools.some(({ description }) => description?.worked?.length);
  return [
    ...tools.flatMap(({ tag, description }) => {
      const worked = description?.worked ?? [];
      if (worked.length > 0) {
        return worked.slice(0, each).flatMap((question, i) => {
          const turns = turnsOf(question, tag);
          return i === 0 ? turns : turns.slice(0, 1);
        });
      }
      const argument = description?.example || 'what you ask of it';
      return [{ user: `${SHOW} ${tag}.`, assistant: called(tag, argument) }];
    }),
    // Where no worked question ends with one.
    ...(known ? [] : ANSWERED.slice(0, 1).map(([user, answer]) => ({ user, assistant: answered(answer) }))),
  ];
}

function turnsOf({ question, calls, answer }: WorkedQuestion, tag: string): ExampleTurn[] {
  const shown = [question, ...calls.map(({ argument, result }) => `${argument} -> ${result}`)];
  const written = [...calls.map(({ argument }) => called(tag, argument)), answered(answer)];
  return shown.map((user, i) => ({ user, assistant: written[i] ?? '' }));
}

function called(tag: string, argument: string): string {
  return `<${tag}>${argument}</${tag}>`;
}

function answered(answer: string): string {
  return called(ANSWER_TAG, answer);
}

/**
 * Examples as messages. With `tools`, calls and their results are told as those of steps are, for endpoints
 * that take them by the protocol.
 */
export function exampleMessages(examples: readonly ExampleTurn[], tools: readonly ToolTag[] = []): Message[] {
  let called: { readonly tool: string; readonly argument: string } | null = null;
  return examples.flatMap(({ user, assistant }): Message[] => {
    const before = called === null ? '' : `${called.argument} -> `;
    const result = called !== null && user.startsWith(before) ? user.slice(before.length) : null;
    const action = parseAction(assistant, tools);
    called = action.kind === 'TOOL_CALL' ? { tool: action.tool, argument: action.content } : null;
    return [
      { role: 'user', content: user, ...(result !== null && { result }) },
      { role: 'assistant', content: assistant, ...(called && { call: called }) },
    ];
  });
}
