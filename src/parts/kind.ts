/**
 * A kind of part, in one place: its name in the topology, its settings, what it is, and how it is made. The
 * topology's unions (`judge: { kind: rules, … }`), the reference and the constructors are all derived from
 * lists of these.
 */
import { z } from 'zod';
import type { PromptPlaces } from '../agent/own-prompt.ts';

/**
 * `Context`: what the constructor is given beside the settings. The file that declares a kind is read
 * whenever a topology is: it imports what is heavy only in `make`.
 */
export interface Kind<Name extends string, Settings extends z.ZodObject, Context, Part> {
  /** As `kind` says it. */
  readonly name: Name;
  /** What it is, in one sentence: for the reference. */
  readonly about: string;
  readonly settings: Settings;
  /** Which settings are paths, relative to the topology's file; each must be there. */
  readonly files: readonly string[];
  /** Of a kind whose setting `prompt` is a prompt of the user's own: the places in it. */
  readonly prompt?: PromptPlaces;
  // A method, so that kinds of several settings go into one list.
  make(config: Configured<Name, Settings>, context: Context): Promise<Part>;
}

/** A kind's settings as they stand in a topology. */
export type Configured<Name extends string, Settings extends z.ZodObject> = z.output<Settings> & {
  readonly kind: Name;
};

/** Any kind that makes such a part in such a context. */
export type KindOf<Context, Part> = Kind<string, z.ZodObject, Context, Part>;

/** Declares a kind. */
export function kind<const Name extends string, Settings extends z.ZodObject, Context, Part>(
  declared: Omit<Kind<Name, Settings, Context, Part>, 'files'> & { readonly files?: readonly string[] },
): Kind<Name, Settings, Context, Part> {
  return { files: [], ...declared };
}

type Named<K> =
  K extends Kind<infer Name, infer Settings, infer _Context, infer _Part>
    ? z.ZodObject<
        z.core.util.Extend<Settings['shape'], { kind: z.ZodLiteral<Name> }>,
        Settings['_zod']['config']
      >
    : never;

type Each<Kinds extends readonly unknown[]> = { -readonly [I in keyof Kinds]: Named<Kinds[I]> };

/** The settings of whichever of the kinds is chosen by `kind`. */
export function unionOf<const Kinds extends readonly [KindOf<never, unknown>, ...KindOf<never, unknown>[]]>(
  kinds: Kinds,
): z.ZodDiscriminatedUnion<Each<Kinds>, 'kind'> {
  const options = kinds.map(({ name, settings, about }) =>
    settings.safeExtend({ kind: z.literal(name).describe(about) }),
  );
  return z.discriminatedUnion('kind', options as never) as never;
}

/** Makes the part that the settings are of. */
export function make<Context, Part>(
  kinds: readonly KindOf<Context, Part>[],
  config: { readonly kind: string },
  context: Context,
): Promise<Part> {
  const found = kinds.find(({ name }) => name === config.kind);
  if (found === undefined) throw new Error(`no constructor of kind ${config.kind}`);
  return found.make(config, context);
}
