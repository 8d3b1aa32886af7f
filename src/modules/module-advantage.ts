/** The advantage `module`: a function of the user's makes advantages of a batch's rewards. */
import { ConfigError } from '../errors.ts';
import type { AdvantageStep } from '../parts/calls.ts';
import { kind } from '../parts/kind.ts';
import { callModule, type ModuleContext, openModulePart, readGiven, shown } from './call-module.ts';
import { moduleSettings } from './module-settings.ts';

export const moduleAdvantage = kind({
  name: 'module',
  about: "An advantage of one's own, in a module: a function of the batch, and of nothing else.",
  settings: moduleSettings,
  make: async (config, context: ModuleContext) => {
    const { call, origin, where, close } = await openModulePart('advantage', config, context);
    const { timeoutMs } = config;
    const { signal } = new AbortController();
    let compared = false;

    /**
     * What is not a number for each step cannot be trained on, and there is nothing that could be left out:
     * the run stops.
     */
    const ask = async (batch: readonly AdvantageStep[], update: number): Promise<readonly number[]> => {
      const about = `update ${update}, of ${batch.length} steps from ${batch[0]?.subTrajectory.id}`;
      const place = { where, about, timeoutMs, signal, Fault: ConfigError };
      // A copy: what a module changes in its batch must not be trained on.
      const given = structuredClone(batch);
      const answer: unknown = await callModule((end) => call(given, { signal: end }), place);
      const advantages = readGiven(() => (Array.isArray(answer) ? [...answer] : answer), place);
      if (!Array.isArray(advantages) || advantages.length !== batch.length) {
        const found = Array.isArray(advantages) ? `${advantages.length}` : shown(advantages);
        throw new ConfigError(
          `${where} gave no advantages for ${about}: expected ${batch.length} numbers, found ${found}`,
        );
      }
      const bad = advantages.findIndex((value) => typeof value !== 'number' || !Number.isFinite(value));
      if (bad < 0) return advantages;
      throw new ConfigError(
        `${where} gave no advantage for ${batch[bad]?.subTrajectory.id} in ${about}: expected a finite number, found ${shown(advantages[bad])}`,
      );
    };
    return {
      by: origin,
      close,
      of: async (batch: readonly AdvantageStep[], update: number) => {
        const advantages = await ask(batch, update);
        if (compared) return advantages;
        compared = true;
        const again = await ask(batch, update);
        if (advantages.every((value, i) => value === again[i])) return advantages;
        throw new ConfigError(
          `${where} gave other advantages for the same batch when it was asked twice: the weights must be a function of the scored topic, or a resumed run or a replay would make others`,
        );
      },
    };
  },
});
