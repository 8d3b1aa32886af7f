/** Rules about alarms: what they look at must be there. */
import { ConfigError } from '../../errors.ts';
import { alarmFields } from '../../monitor/alarm-measures.ts';
import { neverMet } from '../../monitor/alarm-ranges.ts';
import { parseWhere } from '../../monitor/where.ts';
import { flowStages, hasStage } from '../flow.ts';
import type { Topology } from '../topology.ts';
import { error, type Rule, type RuleFinding, warning } from './rule.ts';

/** Which stage makes what a measure is of. */
const MAKERS = [
  { names: /\bshare\.(GOOD|BAD|UNKNOWN)\b/, stage: 'judge', makes: 'verdicts' },
  { names: /\b(mean|min|max)\.|\bshare\.empty\b/, stage: 'train', makes: 'updates' },
] as const;

export const alarmConditions: Rule = {
  name: 'alarm-conditions',
  about: 'The condition of an alarm can be read and met, and names measures that there are.',
  check: (topology) =>
    topology.alarms.flatMap(({ when }, index): RuleFinding[] => {
      const path = ['alarms', index, 'when'];
      try {
        parseWhere(when, alarmFields(flowStages(topology).map(({ name }) => name)), 'when');
      } catch (found) {
        if (!(found instanceof ConfigError)) throw found;
        return [error(path, found.message)];
      }
      const never = neverMet(when);
      if (never !== null) return [error(path, never)];
      return silent(topology, when).map((message) => warning(path, message));
    }),
};

/** What is never measured in this flow. */
function silent(topology: Topology, when: string): string[] {
  return MAKERS.filter(({ names, stage }) => names.test(when) && !hasStage(topology, stage)).map(
    ({ stage, makes }) => `this alarm is silent: it looks at ${makes}, and there is no stage \`${stage}\``,
  );
}
