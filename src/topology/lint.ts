/** Combinations of settings that are each fine alone. Every rule is small, named and tested by its name. */
import type { Finding } from './check.ts';
import * as alarms from './rules/alarm-rules.ts';
import * as files from './rules/file-rules.ts';
import * as flow from './rules/flow-rules.ts';
import * as learning from './rules/learning-rules.ts';
import * as models from './rules/model-rules.ts';
import * as ownStages from './rules/own-stage-rules.ts';
import * as resample from './rules/resample-rules.ts';
import type { LintContext, Rule } from './rules/rule.ts';
import * as spending from './rules/spending-rules.ts';
import * as tasks from './rules/task-rules.ts';
import * as tools from './rules/tool-rules.ts';
import * as topics from './rules/topic-rules.ts';
import * as transport from './rules/transport-rules.ts';
import type { Topology } from './topology.ts';

export type { LintContext, Rule } from './rules/rule.ts';

export const RULES: readonly Rule[] = [
  ...Object.values(topics),
  ...Object.values(ownStages),
  ...Object.values(flow),
  ...Object.values(tasks),
  ...Object.values(tools),
  ...Object.values(learning),
  ...Object.values(resample),
  ...Object.values(models),
  ...Object.values(files),
  ...Object.values(transport),
  ...Object.values(alarms),
  ...Object.values(spending),
];

/** What is wrong with a topology whose shape is right. */
export function lintTopology(topology: Topology, context: LintContext): Finding[] {
  return RULES.flatMap((rule) =>
    rule.check(topology, context).map((finding) => ({ ...finding, rule: rule.name, part: 'value' as const })),
  );
}
