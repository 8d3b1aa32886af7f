/** The rules about money: what breaks them, what they say, and what mends it. */
import type { Case } from './learning-rule-cases.ts';

export const SPENDING_CASES: readonly Case[] = [
  {
    rule: 'budget-stages',
    set: ['budget.stages.jugde.requests=5'],
    path: 'budget.stages.jugde',
    says: 'did you mean `judge`?',
    mended: { set: ['budget.stages.judge.requests=5'] },
  },
  {
    rule: 'money-priced',
    severity: 'warning',
    set: ['judge={kind: openai, model: my-judge}', 'budget.money=10'],
    path: 'budget',
    says: 'my-judge has no price under `prices.models`',
    mended: {
      set: [
        'judge={kind: openai, model: my-judge}',
        'budget.money=10',
        'prices.models={my-judge: {input: 1, output: 2}}',
      ],
    },
  },
];
