/** Makes a module's part: calls its `make`, in time, and checks what that gave. */
import { ConfigError } from '../errors.ts';
import type { PartContext } from '../parts/define.ts';
import { inTime, LATE } from '../runtime/time-limit.ts';
import type { Origin } from '../topics/records.generated.ts';
import { kindOf } from './check-export.ts';
import { messageOf } from './import-module.ts';
import type { LoadedPart } from './load-part.ts';
import { asModule } from './module-output.ts';
import type { ModulesConfig } from './module-settings.ts';

/** What the part's `make` gave: the function to call, and what closes it. */
export async function makePart<Call>(
  { definition, settings, origin }: Omit<LoadedPart, 'origin'> & { readonly origin: Origin | null },
  context: PartContext,
  { loadTimeoutMs }: Pick<ModulesConfig, 'loadTimeoutMs'>,
): Promise<{ readonly call: Call; readonly close: () => Promise<void> }> {
  const { name } = context;
  const where = origin === null ? name : `${name}: ${origin.module}, export \`${origin.export}\``;
  const limits = { timeoutMs: loadTimeoutMs, signal: context.signal };
  const making = asModule(() => inTime(() => definition.make(settings as never, context), limits));
  const made = await making.catch((error: unknown) => {
    throw new ConfigError(`${where}: \`make\` failed: ${messageOf(error)}`, { cause: error });
  });
  if (made === LATE) {
    throw new ConfigError(
      `${where}: \`make\` was not done after ${loadTimeoutMs} ms (modules.loadTimeoutMs)`,
    );
  }
  if (typeof made === 'function') return { call: made as Call, close: async () => {} };
  if (typeof made === 'object' && made !== null && typeof Reflect.get(made, 'call') === 'function') {
    const { call, close } = made as { call: (...args: unknown[]) => unknown; close?: () => unknown };
    return {
      call: call.bind(made) as Call,
      close: async () => void (await asModule(() => close?.call(made))),
    };
  }
  throw new ConfigError(
    `${where}: \`make\` must give a function, or an object with the function \`call\`; it gave ${kindOf(made)}`,
  );
}
