/** Questions over a world's encyclopedia: one and two hops, and comparisons. */
import type { Question } from '../topics/records.generated.ts';
import type { Chain, Compare } from './derivation.ts';
import { withDerivation } from './derivation.ts';
import type { Draw } from './draw.ts';
import { drawFor } from './draw.ts';
import type { Entity, Relation, World } from './world.ts';
import { entityNamed, leadsTo, relationsOf } from './world.ts';

/** How many in a hundred questions are of each form. */
const mix = { oneHop: 35, twoHops: 40 };

/** The questions of a world: endless, no text twice (it ends when the world has no more to ask for). */
export function* searchQuestions(world: World): Generator<Question> {
  const draw = drawFor(world.seed, `search-questions/${world.split}`);
  const seen = new Set<string>();
  let repeated = 0;
  for (let index = 0; repeated < 1000; ) {
    const asked = ask(world, draw);
    if (seen.has(asked.text)) {
      repeated++;
      continue;
    }
    repeated = 0;
    seen.add(asked.text);
    yield {
      id: `search-${world.split}-${world.seed}-${index}`,
      task: 'search',
      text: asked.text,
      answer: trueAnswer(world, asked.derivation),
      answers: [],
      source: `lab:search:${world.split}:${world.seed}:${index}`,
      meta: withDerivation(asked.derivation),
    };
    index++;
  }
}

/** The answer by the world's facts, whatever its articles say. */
function trueAnswer(world: World, derivation: Chain | Compare): string {
  if (derivation.kind === 'chain') {
    return derivation.relations.reduce((name, relation) => fact(world, name, relation), derivation.entity);
  }
  const [one, two] = derivation.entities;
  return Number(fact(world, one, derivation.relation)) > Number(fact(world, two, derivation.relation))
    ? one
    : two;
}

interface Asked {
  readonly text: string;
  readonly derivation: Chain | Compare;
}

function ask(world: World, draw: Draw): Asked {
  const form = draw.integer(0, 99);
  const entities = [...world.entities.values()];
  if (form < mix.oneHop) return askChain(draw.pick(entities), 1, draw);
  if (form < mix.oneHop + mix.twoHops) {
    return askChain(draw.pick(entities.filter((entity) => firstHops(entity).length > 0)), 2, draw);
  }
  return askWhoIsOlder(world, draw);
}

function askChain(entity: Entity, hops: 1 | 2, draw: Draw): Asked {
  const relations: Relation[] = [draw.pick(hops === 1 ? relationsOf[entity.kind] : firstHops(entity))];
  const next = leadsTo[relations[0]];
  if (hops === 2 && next !== null) relations.push(draw.pick(relationsOf[next]));
  const path = [...relations].reverse().map((relation) => `the ${relation} of`);
  return {
    text: `What is ${path.join(' ')} ${entity.name}?`,
    derivation: { kind: 'chain', entity: entity.name, relations },
  };
}

/** Two people whose ages differ both in truth and in the articles, so that one of them is the answer. */
function askWhoIsOlder(world: World, draw: Draw): Asked {
  const people = [...world.entities.values()].filter((entity) => entity.kind === 'person');
  for (;;) {
    const [one, two] = [draw.pick(people), draw.pick(people)];
    if (one.facts.get('age') === two.facts.get('age') || one.stated.get('age') === two.stated.get('age'))
      continue;
    return {
      text: `Who is older, ${one.name} or ${two.name}?`,
      derivation: { kind: 'compare', entities: [one.name, two.name], relation: 'age' },
    };
  }
}

function firstHops(entity: Entity): Relation[] {
  return relationsOf[entity.kind].filter((relation: Relation) => leadsTo[relation] !== null);
}

function fact(world: World, name: string, relation: Relation): string {
  const value = entityNamed(world, name).facts.get(relation);
  if (value === undefined) throw new RangeError(`${name} has no ${relation}`);
  return value;
}
