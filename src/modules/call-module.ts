/** Opens a module's part and calls it: in time, and with errors that name module, export, record and call. */
import { ModelError, SwirlError } from '../errors.ts';
import type { PartCalls, PartName } from '../parts/define.ts';
import { inTime, LATE } from '../runtime/time-limit.ts';
import type { Origin } from '../topics/records.generated.ts';
import { messageOf } from './import-module.ts';
import { loadPart, makePart } from './load-part.ts';
import type { ModuleSettings, ModulesConfig } from './module-settings.ts';

/** What a kind `module` is made with. */
export interface ModuleContext {
  /** Where the part stands in the topology, such as `tools.clock`. */
  readonly name: string;
  readonly seed: number;
  readonly modules: ModulesConfig;
  readonly notify: (message: string) => void;
}

export interface ModulePart<Call> {
  readonly call: Call;
  readonly origin: Origin;
  /** `tools.clock: clock.ts, export `default``: for messages. */
  readonly where: string;
  close(): Promise<void>;
}

/** Throws `ConfigError` where the module cannot be loaded or its part not be made. */
export async function openModulePart<Name extends PartName>(
  part: Name,
  config: ModuleSettings,
  { name, seed, modules, notify }: ModuleContext,
): Promise<ModulePart<PartCalls[Name]>> {
  const loaded = await loadPart(part, config, { name, limits: modules });
  const end = new AbortController();
  const context = { name, seed, notify, signal: end.signal };
  const { call, close } = await makePart<PartCalls[Name]>(loaded, context, modules);
  const { origin } = loaded;
  return {
    call,
    origin,
    where: `${name} (${origin.module}, export \`${origin.export}\`)`,
    close: async () => {
      end.abort();
      await close();
    },
  };
}

export interface CallPlace {
  /** As `ModulePart.where`. */
  readonly where: string;
  /** The record's id, or what else the call is about. */
  readonly about: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Errors that a second try does not mend: they are slips in the module. */
const SLIPS = [TypeError, ReferenceError, SyntaxError, RangeError];

/**
 * One call of a module's function. What it throws becomes a `ModelError`, which is tried again unless it says
 * `retryable: false` or is a slip in the module; so does a call that is not done in time.
 */
export async function callModule<T>(
  call: (signal: AbortSignal) => T | Promise<T>,
  { where, about, timeoutMs, signal }: CallPlace,
): Promise<T> {
  let answer: T | typeof LATE;
  try {
    answer = await inTime(call, { timeoutMs, signal });
  } catch (error) {
    if (signal.aborted || error instanceof SwirlError) throw error;
    const own = typeof error === 'object' && error !== null ? Reflect.get(error, 'retryable') : undefined;
    const retryable = typeof own === 'boolean' ? own : !SLIPS.some((slip) => error instanceof slip);
    throw new ModelError(`${where} failed for ${about}: ${messageOf(error)}`, { cause: error, retryable });
  }
  if (answer !== LATE) return answer;
  throw new ModelError(`${where} did not answer for ${about} in ${timeoutMs} ms (timeoutMs)`, {
    retryable: true,
  });
}
