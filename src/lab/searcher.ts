/** How the demonstrator goes about a search question. */
import type { Question, Step } from '../topics/records.generated.ts';
import type { Act } from './act.ts';
import type { Reading } from './articles.ts';
import { readArticles } from './articles.ts';
import type { Chain, Compare } from './derivation.ts';
import type { Draw } from './draw.ts';
import type { FaultsConfig } from './faults.ts';
import { soundNext } from './progress.ts';
import type { Relation, World } from './world.ts';
import { entityNamed, kindOf } from './world.ts';

export interface SearcherOptions {
  readonly question: Question;
  readonly derivation: Chain | Compare;
  readonly world: World;
  readonly faults: FaultsConfig;
  readonly draw: Draw;
}

/** The next act, given the steps so far. */
export function searcherActs(steps: readonly Step[], options: SearcherOptions): Act {
  const { derivation, faults, draw } = options;
  const readings = readArticles(steps.map((step) => step.observation));
  const sound = soundNext(derivation, steps);
  if (sound.kind === 'calculate') throw new RangeError('a search question leads to no calculation');
  if (sound.kind === 'answer') {
    if (draw.chance(faults.misread)) {
      const others = otherThings(derivation, readings).filter((thing) => thing !== sound.text);
      if (others.length > 0) return { kind: 'answer', content: draw.pick(others), fault: 'misread' };
    }
    return { kind: 'answer', content: sound.text, fault: null };
  }
  if (readings.length > 0 && isHabitual(derivation) && draw.chance(faults.habit)) {
    return { kind: 'answer', content: likelyAnswer(derivation, readings, options), fault: 'habit' };
  }
  if (draw.chance(faults.wrongQuery)) {
    return { kind: 'tool', content: wrongQuery(sound.queries, readings, options), fault: 'wrongQuery' };
  }
  if (draw.chance(faults.earlyAnswer)) {
    return { kind: 'answer', content: likelyAnswer(derivation, readings, options), fault: 'earlyAnswer' };
  }
  return { kind: 'tool', content: draw.pick(sound.queries.slice(0, 1)), fault: null };
}

/** Comparisons, and questions for the mayor of a city or the head of a company that must be found first. */
function isHabitual(derivation: Chain | Compare): boolean {
  return derivation.kind === 'compare' || ['mayor', 'head'].includes(derivation.relations[1] ?? '');
}

/**
 * What somebody says who has not read enough: the last thing found, one of the two, or a guess of the right
 * kind.
 */
function likelyAnswer(
  derivation: Chain | Compare,
  readings: readonly Reading[],
  { world, draw }: SearcherOptions,
): string {
  if (derivation.kind === 'compare')
    return readings.length > 0 ? derivation.entities[0] : draw.pick(derivation.entities);
  const [first] = derivation.relations;
  const found = readings.find((reading) => reading.name === derivation.entity)?.says.get(first);
  if (found !== undefined) return found;
  const last = derivation.relations.at(-1) as Relation;
  const peers = [...world.entities.values()].filter((entity) => entity.kind === kindOf(last));
  return draw.pick(peers).stated.get(last) as string;
}

/** The name of something of the same kind that is not needed. */
function wrongQuery(
  needed: readonly string[],
  readings: readonly Reading[],
  { world, draw }: SearcherOptions,
): string {
  const seen = readings.map((reading) => reading.name);
  if (seen.length > 0 && draw.chance(0.5)) return draw.pick(seen);
  const kind = entityNamed(world, needed[0]).kind;
  const peers = [...world.entities.values()].filter((entity) => entity.kind === kind);
  return draw.pick(peers.map((entity) => entity.name).filter((name) => !needed.includes(name)));
}

/** What else there is to say: the other person, or whatever else the articles state. */
function otherThings(derivation: Chain | Compare, readings: readonly Reading[]): string[] {
  return derivation.kind === 'compare'
    ? derivation.entities
    : readings.flatMap((reading) => [...reading.says.values()]);
}
