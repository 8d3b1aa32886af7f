/** Tool calls by the protocol (`tools` and `tool_calls` of OpenAI's API), as the actions that tags write. */
import { parseAction, type ToolTag, writeAction } from '../agent/action.ts';
import type { Completion } from '../agent/model.ts';
import { DataError } from '../errors.ts';

export interface ProtocolCall {
  readonly name: string;
  /** JSON, as the model wrote it: hostile, and perhaps none. */
  readonly arguments: string;
}

/**
 * A call as text, in the tag of its tool behind what was written beside it, so that judges and learners see
 * one grammar. What cannot be called comes as it was written, with the `problem` that the policy is told.
 */
export function readToolCall(
  call: ProtocolCall,
  { tools, content }: { readonly tools: readonly ToolTag[]; readonly content: string },
): Pick<Completion, 'text' | 'problem'> {
  const raw = `${content === '' ? '' : `${content}\n`}${call.name}(${call.arguments})`;
  const tool = tools.find(({ name }) => name === call.name);
  if (tool === undefined) return { text: raw, problem: 'the message calls a tool that there is not.' };
  const argument = argumentOf(call.arguments);
  if (argument === null) return { text: raw, problem: "the call's arguments are no JSON object." };
  try {
    const reasoning = parseAction(content, tools).kind === 'NONE' ? content : '';
    return {
      text: writeAction({ kind: 'TOOL_CALL', tool: tool.name, content: argument }, { tools, reasoning }),
    };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { text: raw, problem: "the call's arguments are empty, or have tags in them." };
  }
}

/**
 * The argument between tags: the text of an only parameter, and the JSON of several. Null where the arguments
 * are no object.
 */
function argumentOf(text: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const values = Object.values(value);
  const [only] = values;
  return values.length === 1 && (typeof only === 'string' || typeof only === 'number')
    ? String(only)
    : JSON.stringify(value);
}
