/**
 * How far a history has come along a derivation, by what its observations show, and what would be sound next.
 */
import type { Step } from '../topics/records.generated.ts';
import type { Reading } from './articles.ts';
import { readArticles } from './articles.ts';
import type { Chain, Compare, Compute, Derivation } from './derivation.ts';
import { runningResults } from './derivation.ts';

export type Sound =
  /** Search for one of these: their articles are needed and were not seen. */
  | { readonly kind: 'search'; readonly queries: readonly string[] }
  /** Calculate on from operation number `reached`: `left` is the number that was reached. */
  | { readonly kind: 'calculate'; readonly reached: number; readonly left: number }
  /** Answer with this: it follows from the observations, whether or not it is true. */
  | { readonly kind: 'answer'; readonly text: string };

/** What a sound next step does. Later steps and the gold answer play no part. */
export function soundNext(derivation: Derivation, steps: readonly Step[]): Sound {
  const observations = steps.map((step) => step.observation);
  switch (derivation.kind) {
    case 'chain':
      return nextInChain(derivation, readArticles(observations));
    case 'compare':
      return nextInComparison(derivation, readArticles(observations));
    case 'compute':
      return nextInComputation(
        derivation,
        observations.flatMap((seen) =>
          seen?.tool === 'calculator' && seen.status === 'OK' ? [Number(seen.text.trim())] : [],
        ),
      );
  }
}

function nextInChain({ entity, relations }: Chain, readings: readonly Reading[]): Sound {
  let name = entity;
  for (const relation of relations) {
    const said = readings.find((reading) => reading.name === name)?.says.get(relation);
    if (said === undefined) return { kind: 'search', queries: [name] };
    name = said;
  }
  return { kind: 'answer', text: name };
}

function nextInComparison({ entities, relation }: Compare, readings: readonly Reading[]): Sound {
  const said = entities.map((name) => readings.find((reading) => reading.name === name)?.says.get(relation));
  const missing = entities.filter((_, i) => said[i] === undefined);
  if (missing.length > 0) return { kind: 'search', queries: missing };
  return { kind: 'answer', text: Number(said[0]) > Number(said[1]) ? entities[0] : entities[1] };
}

function nextInComputation(derivation: Compute, calculated: readonly number[]): Sound {
  const results = runningResults(derivation);
  const last = results.length - 1;
  for (let reached = last; reached > 0; reached--) {
    if (!calculated.includes(results[reached])) continue;
    if (reached === last) return { kind: 'answer', text: String(results[last]) };
    return { kind: 'calculate', reached, left: results[reached] };
  }
  return { kind: 'calculate', reached: 0, left: derivation.start };
}
