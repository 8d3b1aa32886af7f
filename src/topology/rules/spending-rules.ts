/** Rules about money: a budget must be one that can be reached, and a price one of something that is asked. */
import { nearest } from '../../suggest.ts';
import type { Topology } from '../topology.ts';
import { error, type Rule, type RuleFinding, warning } from './rule.ts';
import { usedModels } from './used-models.ts';

/** In whose name endpoints and tools are asked. */
const ASKING = ['rollout', 'resample', 'judge', 'reward', 'tools', 'embeddings', 'grader'];

export const budgetStages: Rule = {
  name: 'budget-stages',
  about: 'What has a budget of its own is a stage that asks endpoints or tools.',
  check: ({ budget }) =>
    Object.keys(budget.stages).flatMap((name): RuleFinding[] => {
      if (ASKING.includes(name)) return [];
      const near = nearest(name, ASKING);
      const hint = near === null ? `expected one of ${ASKING.join(', ')}` : `did you mean \`${near}\`?`;
      return [error(['budget', 'stages', name], `no stage asks for money by this name; ${hint}`)];
    }),
};

export const moneyPriced: Rule = {
  name: 'money-priced',
  about: 'Where money has a budget, every model behind an endpoint has a price.',
  check: (topology) => {
    const { money, stages } = topology.budget;
    if (money === null && Object.values(stages).every((limits) => limits.money === null)) return [];
    const missing = remoteModels(topology).filter((model) => !Object.hasOwn(topology.prices.models, model));
    return missing.map((model) =>
      warning(
        ['budget'],
        `${model} has no price under \`prices.models\`: what it costs is not counted, and the budget of money does not see it`,
      ),
    );
  },
};

function remoteModels(topology: Topology): string[] {
  const names = usedModels(topology).flatMap(({ model: { kind, model } }) =>
    kind === 'openai' && typeof model === 'string' ? [model] : [],
  );
  return [...new Set(names)];
}
