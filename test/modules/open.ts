/** What a kind `module` is made with, for tests. */
import { expect } from '@jest/globals';
import type { ModuleContext } from '../../src/modules/call-module.ts';
import { modulesConfig } from '../../src/modules/module-settings.ts';

/** That it is refused with an error of that class, whose message has each of these parts. */
export async function expectRefusal(
  asked: Promise<unknown>,
  kind: new (...args: never[]) => Error,
  ...parts: readonly string[]
): Promise<void> {
  await expect(asked).rejects.toThrow(kind);
  for (const part of parts) await expect(asked).rejects.toThrow(part);
}

export const context: ModuleContext & { readonly now: () => number } = {
  name: 'part',
  seed: 3,
  modules: modulesConfig.parse({}),
  notify: () => {},
  now: () => 0,
};
