/** The order in which stages can be drained: producers before consumers, the stages of a cycle together. */
import type { Stage } from './stage.ts';

type Node = Pick<Stage, 'name' | 'reads' | 'writes' | 'readsRun'>;

/** Groups of stages that feed each other (Tarjan's strongly connected components), upstream first. */
export function drainOrder<T extends Node>(stages: readonly T[]): T[][] {
  const index = new Map<T, number>();
  const low = new Map<T, number>();
  const stack: T[] = [];
  const groups: T[][] = [];

  function visit(stage: T): void {
    index.set(stage, index.size);
    low.set(stage, index.get(stage) as number);
    stack.push(stage);
    for (const next of stages.filter((other) => feeds(stage, other))) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(stage, Math.min(low.get(stage) as number, low.get(next) as number));
    }
    if (low.get(stage) !== index.get(stage)) return;
    groups.unshift(stack.splice(stack.indexOf(stage)));
  }

  for (const stage of stages) if (!index.has(stage)) visit(stage);
  return groups;
}

/** Whether one stage's outputs are another's input. */
function feeds(producer: Node, consumer: Node): boolean {
  return consumer.readsRun === undefined && producer.writes.includes(consumer.reads);
}
