/** The stage `tools`: a tool answers an action, and the rollout goes on with the observation. */
import { headOf } from '../agent/cut-text.ts';
import type { Tool } from '../agent/tool.ts';
import { nextTurn } from '../agent/turn.ts';
import type { Sleep } from '../clock.ts';
import { DataError } from '../errors.ts';
import { type Acquire, limitConcurrency } from '../runtime/concurrency.ts';
import { perRecord } from '../runtime/per-record.ts';
import type { RetryConfig } from '../runtime/retry.ts';
import type { Emission, StageOperator } from '../runtime/stage.ts';
import { inTime, LATE } from '../runtime/time-limit.ts';
import type { WaitNotice } from '../runtime/wait-notice.ts';
import type { Observation, ToolCall } from '../topics/records.generated.ts';
import type { ToolsConfig } from './tools-config.ts';

export interface ToolsDeps {
  readonly tools: readonly Tool[];
  readonly retry: RetryConfig;
  readonly sleep: Sleep;
  /** Says that a tool has not answered for long; nobody does otherwise. */
  readonly waits?: WaitNotice;
}

/**
 * Each tool call gives the next turn, whose last step has the observation. A broken tool is a failure. The
 * operator is one for all partitions, as a tool's limit of concurrent calls is.
 */
export function tools(config: ToolsConfig, deps: ToolsDeps): StageOperator<ToolCall> {
  const byName = new Map(deps.tools.map((tool) => [tool.name, tool]));
  const places = new Map(
    deps.tools.flatMap((tool): [Tool, Acquire][] =>
      tool.concurrency === undefined ? [] : [[tool, limitConcurrency(tool.concurrency)]],
    ),
  );
  const answer = async ({ id, turn, action }: ToolCall, signal: AbortSignal): Promise<Emission[]> => {
    const tool = byName.get(action.tool ?? '');
    if (!tool || action.content === null) {
      const known = [...byName.keys()].join(', ') || 'none';
      throw new DataError(`${id} calls the tool ${JSON.stringify(action.tool)}; the topology has: ${known}`);
    }
    const leave = await places.get(tool)?.(signal);
    // Waiting for a place is no fault of the tool: the time begins with the call.
    const argument = action.content;
    const call = () => callInTime(tool, argument, { config, signal });
    const { waits } = deps;
    const { timeoutMs } = config;
    const observation = await (waits
      ? waits(call, { name: `tool ${tool.name}`, timeoutMs })
      : call()
    ).finally(leave);
    return [
      {
        topic: 'turns',
        key: turn.trajectory,
        value: nextTurn(turn, { action, observation: bounded(observation, config) }),
      },
    ];
  };
  return perRecord(answer, { stage: 'tools', retry: deps.retry, sleep: deps.sleep });
}

/** A tool's answer, or the observation that it gave none in time. A tool that hangs is left behind. */
async function callInTime(
  tool: Tool,
  argument: string,
  { config, signal }: { readonly config: ToolsConfig; readonly signal: AbortSignal },
): Promise<Observation> {
  const { timeoutMs } = config;
  const answer = await inTime((end) => tool.call(argument, { signal: end }), { timeoutMs, signal });
  if (answer !== LATE) return answer;
  return { tool: tool.name, status: 'TIMED_OUT', text: `${tool.name} did not answer in ${timeoutMs} ms.` };
}

function bounded(observation: Observation, { maxObservationChars: most }: ToolsConfig): Observation {
  const { text } = observation;
  if (text.length <= most) return observation;
  const kept = headOf(text, most);
  return { ...observation, text: `${kept} [cut: ${text.length - kept.length} more characters]` };
}
