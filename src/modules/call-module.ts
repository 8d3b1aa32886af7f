/** Opens a module's part and calls it: in time, and with errors that name module, export, record and call. */
import { type ErrorDetails, ModelError, SwirlError } from '../errors.ts';
import type { Definition, PartCalls, PartName } from '../parts/define.ts';
import { inTime, LATE } from '../runtime/time-limit.ts';
import type { Origin } from '../topics/records.generated.ts';
import { kindOf } from './check-export.ts';
import { messageOf } from './import-module.ts';
import { type LoadedPart, loadPart } from './load-part.ts';
import { makePart } from './make-part.ts';
import { asModule } from './module-output.ts';
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
  readonly definition: Definition<string, unknown>;
  /** Null for one that a program handed over: there is no file to be known again. */
  readonly origin: Origin | null;
  /** What records call it: the module's file, or the function. */
  readonly name: string;
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
  return openLoadedPart(loaded, { name, seed, modules, notify });
}

/** A part that is a value already, of a module or of a program. Throws `ConfigError` where it cannot be made. */
export async function openLoadedPart<Call>(
  loaded: Omit<LoadedPart, 'origin'> & { readonly origin: Origin | null },
  { name, seed, modules, notify }: ModuleContext,
): Promise<ModulePart<Call>> {
  const end = new AbortController();
  const context = { name, seed, notify, signal: end.signal };
  const { call, close } = await makePart<Call>(loaded, context, modules);
  const { origin, definition } = loaded;
  const where = origin === null ? name : `${name} (${origin.module}, export \`${origin.export}\`)`;
  return {
    call,
    definition,
    origin,
    name: origin?.module ?? name,
    where,
    close: async () => {
      end.abort();
      const closing = inTime(close, { timeoutMs: modules.loadTimeoutMs });
      const late = `it was not done after ${modules.loadTimeoutMs} ms (modules.loadTimeoutMs)`;
      const problem = await closing.then((done) => (done === LATE ? late : null), messageOf);
      // The run's records are safe by now: that is no reason to fail it.
      if (problem !== null) notify(`${where}: \`close\` failed: ${problem}`);
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
  /** What a fault becomes: `ModelError` where nothing else is said. */
  readonly Fault?: new (
    message: string,
    details: ErrorDetails,
  ) => SwirlError;
}

/** Errors that a second try does not mend: they are slips in the module. */
const SLIPS = [TypeError, ReferenceError, SyntaxError, RangeError];

/**
 * One call of a module's function, or `LATE`. What it throws becomes a fault, which is tried again unless it
 * says `retryable: false` or is a slip in the module.
 */
export async function tryModule<T>(
  call: (signal: AbortSignal) => T | Promise<T>,
  { where, about, timeoutMs, signal, Fault = ModelError }: CallPlace,
): Promise<T | typeof LATE> {
  try {
    return await asModule(() => inTime(call, { timeoutMs, signal }));
  } catch (error) {
    if (signal.aborted) throw error;
    const retryable = mayPass(error);
    throw new Fault(`${where} failed for ${about}: ${messageOf(error)}`, { cause: error, retryable });
  }
}

/** As `tryModule`; a call that is not done in time is a fault that is tried again. */
export async function callModule<T>(
  call: (signal: AbortSignal) => T | Promise<T>,
  place: CallPlace,
): Promise<T> {
  const { where, about, timeoutMs, Fault = ModelError } = place;
  const answer = await tryModule(call, place);
  if (answer !== LATE) return answer;
  const message = `${where} did not answer for ${about} in ${timeoutMs} ms (timeoutMs)`;
  throw new Fault(message, { retryable: true });
}

/** Whether a second try may mend it: as the error says itself, or else anything but a slip. */
function mayPass(error: unknown): boolean {
  try {
    const own = typeof error === 'object' && error !== null ? Reflect.get(error, 'retryable') : undefined;
    return typeof own === 'boolean' ? own : !SLIPS.some((slip) => error instanceof slip);
  } catch {
    return false;
  }
}

/** Reads what a call gave. Its fields may throw when they are looked at: then that is a fault of the module. */
export function readGiven<T>(
  read: () => T,
  { where, about, Fault = ModelError }: Pick<CallPlace, 'where' | 'about' | 'Fault'>,
): T {
  try {
    return asModule(read);
  } catch (error) {
    if (error instanceof SwirlError) throw error;
    throw new Fault(`${where} gave something for ${about} that cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** What a function gave in place of what was expected, in a few words. */
export function shown(answer: unknown): string {
  if (typeof answer === 'number' || typeof answer === 'boolean' || answer === undefined)
    return String(answer);
  if (typeof answer === 'string') return JSON.stringify(answer.slice(0, 100));
  return kindOf(answer);
}

export interface AskPlace<Given, Found> extends CallPlace {
  /** Of which the function is given a copy: what it changes must not be recorded. */
  readonly asked: Given;
  /** What it gave, where that is what was expected; null otherwise. */
  readonly read: (answer: unknown) => Found | null;
  /** For the error: `no verdict: expected …`. */
  readonly otherwise: string;
}

/** Asks a module's function about a record. Throws a `ModelError` where it gives nothing that can be read. */
export async function askModule<Given, Found>(
  call: (given: Given, options: { readonly signal: AbortSignal }) => unknown,
  { asked, read, otherwise, ...place }: AskPlace<Given, Found>,
): Promise<Found> {
  const given = structuredClone(asked);
  const answer: unknown = await callModule((end) => call(given, { signal: end }), place);
  const found = readGiven(() => read(answer), place);
  if (found !== null) return found;
  throw new ModelError(`${place.where} gave ${place.about} ${otherwise}, found ${shown(answer)}`);
}
