/** Tool calls by the protocol (`tools` and `tool_calls` of OpenAI's API), as the actions that tags write. */
import { parseAction, type ToolTag, writeAction } from '../agent/action.ts';
import { isPlainObject } from '../agent/arguments/json-schema.ts';
import { parametersOf, textParameter } from '../agent/arguments/words.ts';
import type { Completion } from '../agent/model.ts';
import type { ToolDescription } from '../agent/tool.ts';
import { DataError } from '../errors.ts';

export interface ProtocolCall {
  readonly name: string;
  /** JSON, as the model wrote it: hostile, and perhaps none. */
  readonly arguments: string;
}

/** A tool as an endpoint is told of it. */
export interface OfferedTool extends ToolTag, Omit<ToolDescription, 'example'> {
  /** The argument that a call may consist of alone; null: calls are JSON. */
  readonly text: string | null;
}

/** The tools with what they say of themselves; one that says nothing takes a text. */
export async function offered(tools: readonly ToolTag[], signal: AbortSignal): Promise<OfferedTool[]> {
  return Promise.all(
    tools.map(async (tool): Promise<OfferedTool> => {
      const said = await tool.describe?.(signal);
      const description = said?.description ?? `The tool ${tool.name}.`;
      const parameters = said?.parameters ?? {
        type: 'object',
        properties: { input: { type: 'string' } },
        required: ['input'],
      };
      const { name, tag } = tool;
      return { name, tag, description, parameters, text: textParameter(parametersOf(parameters)) };
    }),
  );
}

/**
 * A call as text, in the tag of its tool behind what was written beside it, so that judges and learners see
 * one grammar. What cannot be called comes as it was written, with the `problem` that the policy is told.
 */
export function readToolCall(
  call: ProtocolCall,
  { tools, content }: { readonly tools: readonly OfferedTool[]; readonly content: string },
): Pick<Completion, 'text' | 'problem'> {
  const raw = `${content === '' ? '' : `${content}\n`}${call.name}(${call.arguments})`;
  const tool = tools.find(({ name }) => name === call.name);
  if (tool === undefined) return { text: raw, problem: 'the message calls a tool that there is not.' };
  const argument = argumentOf(call.arguments, tool);
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

/** What stands between the tags for a call: its text, or its JSON. Null where the arguments are no object. */
function argumentOf(json: string, { text }: OfferedTool): string | null {
  const written = parsed(json);
  // Some write the object's JSON as a text within JSON.
  const within = typeof written === 'string' ? parsed(written) : undefined;
  const value = isPlainObject(within) ? within : written;
  if (typeof value === 'string') return value;
  if (!isPlainObject(value)) return null;
  const alone = text !== null && Object.keys(value).length === 1 ? value[text] : undefined;
  return typeof alone === 'string' || typeof alone === 'number' ? String(alone) : JSON.stringify(value);
}

/** The arguments by the protocol of what stands between the tags. */
export function argumentsOf(argument: string, { text }: OfferedTool): string {
  if (isPlainObject(parsed(argument))) return argument;
  return JSON.stringify({ [text ?? 'input']: argument });
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
