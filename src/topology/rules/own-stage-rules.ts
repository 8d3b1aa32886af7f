/** Rules about stages of one's own: what can be said of them without their modules. */
import { error, type Rule, type RuleFinding, warning } from './rule.ts';

export const ownStage: Rule = {
  name: 'own-stage',
  about:
    "A stage of one's own does not write failures itself, writes a topic once, and what it says of partitions is for stages over one.",
  check: ({ ownStages }) =>
    Object.entries(ownStages).flatMap(([name, { writes, over, lookback }]) => {
      const findings: RuleFinding[] = [];
      if (writes.includes('failures')) {
        findings.push(
          error(
            ['stages', name, 'writes'],
            '`failures` is understood: take it out, and use `refuse()` for what cannot be processed',
          ),
        );
      }
      const twice = writes.find((topic, index) => writes.indexOf(topic) !== index);
      if (twice !== undefined) {
        findings.push(error(['stages', name, 'writes'], `\`${twice}\` is there twice`));
      }
      if (over === 'record' && lookback !== null) {
        findings.push(
          warning(
            ['stages', name, 'lookback'],
            '`lookback` says from what a state is built again, and over single records there is none',
          ),
        );
      }
      return findings;
    }),
};
