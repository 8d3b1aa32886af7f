/**
 * The loop of `turns` and `tool-calls`, closed: a trajectory's first turn goes in, the finished trajectory
 * comes out.
 */
import { from, mergeMap } from 'rxjs';
import type { Delivery, Emission, Finished, StageOperator } from '../../runtime/stage.ts';
import type { ToolCall, Turn } from '../../topics/records.generated.ts';
import { type StageCall, stageCall } from './stage-call.ts';

/** The stages `rollout` and `tools`, as a run has them. */
export interface LoopStages {
  readonly rollout: StageOperator<Turn>;
  readonly tools: StageOperator<ToolCall>;
}

/** One stage of the two. What fails on the way is a failure of the first turn, under its own stage's name. */
export function trajectories({ rollout, tools }: LoopStages, signal: AbortSignal): StageOperator<Turn> {
  const calls: Calls = {
    turns: stageCall(rollout, { topic: 'turns', signal }),
    'tool-calls': stageCall(tools, { topic: 'tool-calls', signal }),
  };
  const finish = async ({ value, offset }: Delivery<Turn>): Promise<Finished> => {
    const outputs: Emission[] = [];
    let open: readonly Emission[] = await calls.turns(value);
    while (open.length > 0) {
      const next: Emission[] = [];
      for (const emission of open) {
        if (emission.topic === 'turns') next.push(...(await calls.turns(emission.value)));
        else if (emission.topic === 'tool-calls') next.push(...(await calls['tool-calls'](emission.value)));
        else outputs.push(emission);
      }
      open = next;
    }
    return { offset, outputs };
  };
  // The window bounds how many there are at a time.
  return (source) => source.pipe(mergeMap((delivery) => from(finish(delivery))));
}

interface Calls {
  readonly turns: StageCall<Turn>;
  readonly 'tool-calls': StageCall<ToolCall>;
}
