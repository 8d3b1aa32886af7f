/** What a kind `module` is made with, for tests. */
import { expect } from '@jest/globals';
import type { z } from 'zod';
import type { ModuleContext } from '../../src/modules/call-module.ts';
import { modulesConfig } from '../../src/modules/module-settings.ts';
import type { Kind } from '../../src/parts/kind.ts';

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

/** The part that a topology's settings at that name are of. */
export function made<Settings extends z.ZodObject, Part>(
  of: Kind<'module', Settings, typeof context, Part>,
  name: string,
  settings: object,
): Promise<Part> {
  return of.make({ ...of.settings.parse(settings), kind: 'module' as const }, { ...context, name });
}
