/** Opens the module of a stage: its operator, made as often as one is needed. */
import type { ModuleContext } from '../modules/call-module.ts';
import { loadPart } from '../modules/load-part.ts';
import { makePart } from '../modules/make-part.ts';
import type { ModuleSettings } from '../modules/module-settings.ts';
import type { StageCall } from '../parts/calls.ts';
import type { StageDefinition } from '../parts/define-stage.ts';
import type { Origin } from '../topics/records.generated.ts';

export interface MadeOperator {
  readonly operator: StageCall;
  close(): Promise<void>;
}

export interface OwnPart {
  /** What the module says of itself; a plain function says nothing. */
  readonly says: Pick<StageDefinition, 'over' | 'reads'>;
  readonly origin: Origin;
  /** For messages: where it stands, module and export. */
  readonly where: string;
  /** An operator without any state. Throws a `ConfigError` where the module cannot make one. */
  make(): Promise<MadeOperator>;
  close(): Promise<void>;
}

/** Throws a `ConfigError` where the module cannot be loaded. */
export async function openOwnPart(
  config: ModuleSettings,
  { name, seed, modules, notify }: ModuleContext,
): Promise<OwnPart> {
  const loaded = await loadPart('stage', config, { name, limits: modules });
  const { origin } = loaded;
  const where = `${name} (${origin.module}, export \`${origin.export}\`)`;
  const end = new AbortController();
  const context = { name, seed, notify, signal: end.signal };
  const { over, reads } = loaded.definition as StageDefinition;
  return {
    says: { ...(over === undefined ? {} : { over }), ...(reads === undefined ? {} : { reads }) },
    origin,
    where,
    make: async () => {
      const { call, close } = await makePart<StageCall>(loaded, context, modules);
      return { operator: call, close };
    },
    close: async () => end.abort(),
  };
}
