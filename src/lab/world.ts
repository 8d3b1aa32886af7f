/** A small fictional world: people who live in cities and work for companies. A function of its seed. */
import type { Draw } from './draw.ts';
import { drawFor } from './draw.ts';
import type { EntityKind, Split } from './names.ts';
import { namesOf, products, regions } from './names.ts';

/** What is known of a kind of entity, in the order in which its article says it. */
export const relationsOf = {
  person: ['age', 'home', 'employer'],
  company: ['seat', 'head', 'product'],
  city: ['region', 'mayor'],
} as const satisfies Record<EntityKind, readonly string[]>;

export type Relation = (typeof relationsOf)[EntityKind][number];

/** What kind of entity a relation leads to; null: a number or a common noun. */
export const leadsTo: Record<Relation, EntityKind | null> = {
  age: null,
  home: 'city',
  employer: 'company',
  seat: 'city',
  head: 'person',
  product: null,
  region: null,
  mayor: 'person',
};

export interface Entity {
  readonly name: string;
  readonly kind: EntityKind;
  /** What is true of it now. */
  readonly facts: ReadonlyMap<Relation, string>;
  /** What its article says: the facts, but for what is stale or mistaken there. */
  readonly stated: ReadonlyMap<Relation, string>;
}

export interface World {
  readonly seed: number;
  readonly split: Split;
  readonly entities: ReadonlyMap<string, Entity>;
}

export interface WorldOptions {
  readonly seed: number;
  /** Which names the world may use. */
  readonly split: Split;
  /** Probability that an article is wrong in one of its statements. */
  readonly staleRate: number;
}

const sizes: Record<EntityKind, number> = { person: 72, company: 18, city: 16 };

/** The world of a seed and split: at most 72 people, 18 companies and 16 cities. */
export function makeWorld({ seed, split, staleRate }: WorldOptions): World {
  const draw = drawFor(seed, `world/${split}`);
  const kinds = Object.keys(relationsOf) as EntityKind[];
  const names = Object.fromEntries(
    kinds.map((kind) => [kind, draw.shuffled(namesOf(kind, split)).slice(0, sizes[kind])]),
  ) as Record<EntityKind, string[]>;
  const entities = kinds.flatMap((kind) =>
    names[kind].map((name): Entity => {
      const facts = new Map(
        relationsOf[kind].map((relation) => [relation, value(relation, names, draw)] as const),
      );
      return { name, kind, facts, stated: stated(facts, names, draw, staleRate) };
    }),
  );
  return { seed, split, entities: new Map(entities.map((entity) => [entity.name, entity])) };
}

/** The entity of that name. Throws `RangeError` when the world has none: a defect of the caller. */
export function entityNamed(world: World, name: string): Entity {
  const entity = world.entities.get(name);
  if (entity === undefined)
    throw new RangeError(`world ${world.seed} (${world.split}) has no entity ${name}`);
  return entity;
}

/** The kind that a relation belongs to. */
export function kindOf(relation: Relation): EntityKind {
  const kinds = Object.keys(relationsOf) as EntityKind[];
  const kind = kinds.find((candidate) => (relationsOf[candidate] as readonly Relation[]).includes(relation));
  if (kind === undefined) throw new RangeError(`no kind has the relation ${relation}`);
  return kind;
}

/** A value that the relation could have in a world with these names. */
function value(relation: Relation, names: Record<EntityKind, readonly string[]>, draw: Draw): string {
  const kind = leadsTo[relation];
  if (kind !== null) return draw.pick(names[kind]);
  switch (relation) {
    case 'age':
      return String(draw.integer(20, 89));
    case 'product':
      return draw.pick(products);
    default:
      return draw.pick(regions);
  }
}

function stated(
  facts: ReadonlyMap<Relation, string>,
  names: Record<EntityKind, readonly string[]>,
  draw: Draw,
  staleRate: number,
): ReadonlyMap<Relation, string> {
  if (!draw.chance(staleRate)) return facts;
  const [relation, truth] = draw.pick([...facts]);
  let other = truth;
  while (other === truth) other = value(relation, names, draw);
  return new Map(facts).set(relation, other);
}
