/**
 * A conversation as an endpoint takes it: actions in their tags, or calls by the protocol with their results.
 */
import type OpenAI from 'openai';
import type { Message } from '../agent/model.ts';
import type { OpenaiConfig } from './openai-config.ts';
import { argumentsOf, type OfferedTool } from './openai-tool-calls.ts';

type Param = OpenAI.ChatCompletionMessageParam;

export function messagesFor(
  messages: readonly Message[],
  { system, tools }: { readonly system: OpenaiConfig['system']; readonly tools: readonly OfferedTool[] },
): Param[] {
  const placed = place(messages, system);
  return placed.map((message, index): Param => {
    const { role, content, call } = message;
    const tool = tools.find(({ name }) => name === call?.tool);
    if (role === 'assistant' && call && tool) {
      const before = content.slice(0, tagStart(content, tool.tag)).trim();
      const made = { name: tool.name, arguments: argumentsOf(call.argument, tool) };
      return {
        role,
        content: before === '' ? null : before,
        tool_calls: [{ id: idOf(index), type: 'function', function: made }],
      };
    }
    const asked = placed[index - 1]?.call;
    if (message.result !== undefined && asked && tools.some(({ name }) => name === asked.tool))
      return { role: 'tool', tool_call_id: idOf(index - 1), content: message.result };
    return { role, content };
  });
}

/** Some endpoints take ids of nine letters and digits only. */
function idOf(index: number): string {
  return `call${String(index).padStart(5, '0')}`;
}

/** Where the last opening tag of a name begins. */
function tagStart(text: string, tag: string): number {
  const at = text.toLowerCase().lastIndexOf(`<${tag.toLowerCase()}`);
  return at < 0 ? text.length : at;
}

/** Merges a system message into the user's first, for models without that role. */
function place(messages: readonly Message[], system: OpenaiConfig['system']): readonly Message[] {
  const [first, second, ...rest] = messages;
  if (system === 'message' || first?.role !== 'system' || second?.role !== 'user') return messages;
  return [{ role: 'user', content: `${first.content}\n\n${second.content}` }, ...rest];
}
