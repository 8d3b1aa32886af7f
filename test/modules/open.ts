/** What a kind `module` is made with, for tests. */
import type { ModuleContext } from '../../src/modules/call-module.ts';
import { modulesConfig } from '../../src/modules/module-settings.ts';

export const context: ModuleContext & { readonly now: () => number } = {
  name: 'part',
  seed: 3,
  modules: modulesConfig.parse({}),
  notify: () => {},
  now: () => 0,
};
