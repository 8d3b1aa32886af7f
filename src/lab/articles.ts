/** The encyclopedia: one article an entity, terse, so that a small policy can read it. */
import type { Article } from '../input/article.ts';
import type { Observation } from '../topics/records.generated.ts';
import type { EntityKind } from './names.ts';
import { nameWords, products, regions } from './names.ts';
import type { Entity, Relation, World } from './world.ts';
import { leadsTo, relationsOf } from './world.ts';

/** An article as read: whom it is about and what it says. */
export interface Reading {
  readonly name: string;
  readonly says: ReadonlyMap<Relation, string>;
}

/** `Mira Novak age 47 home Port Alda employer Astra Mills`: the name, and each relation with its value. */
function writeArticle(entity: Entity): Article {
  const statements = [...entity.stated].map(([relation, said]) => `${relation} ${said}`);
  return { title: entity.name, text: [entity.name, ...statements].join(' ') };
}

/** The world's encyclopedia, in a fixed order. */
export function corpus(world: World): Article[] {
  return [...world.entities.values()].map(writeArticle);
}

/** Every article that a history's search results show, oldest first. */
export function readArticles(observations: readonly (Observation | null)[]): Reading[] {
  return observations.flatMap((observation) =>
    observation?.tool === 'search' && observation.status === 'OK' ? readText(observation.text) : [],
  );
}

function readText(text: string): Reading[] {
  return (Object.keys(relationsOf) as EntityKind[]).flatMap((kind) =>
    [...text.matchAll(patterns[kind])].map(
      ([, name = '', ...values]): Reading => ({
        name,
        says: new Map(relationsOf[kind].map((relation, i) => [relation, values[i] ?? ''] as const)),
      }),
    ),
  );
}

const patterns = Object.fromEntries(
  (Object.keys(relationsOf) as EntityKind[]).map((kind) => [
    kind,
    new RegExp(
      [
        `(${namePattern(kind)})`,
        ...relationsOf[kind].map((relation) => `${relation} (${valuePattern(relation)})`),
      ].join('\\s+'),
      'g',
    ),
  ]),
) as Record<EntityKind, RegExp>;

function namePattern(kind: EntityKind): string {
  return `(?:${nameWords[kind].first.join('|')}) (?:${nameWords[kind].second.join('|')})`;
}

function valuePattern(relation: Relation): string {
  const kind = leadsTo[relation];
  if (kind !== null) return namePattern(kind);
  return relation === 'age' ? '\\d+' : (relation === 'product' ? products : regions).join('|');
}
