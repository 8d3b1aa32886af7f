/** The stage `filter` over plain Observables. */
import type { OperatorFunction } from 'rxjs';
import type { z } from 'zod';
import type { filterConfig } from '../../judge/filter-config.ts';
import type { Accepted, Judged } from '../../topics/records.generated.ts';
import { oneStage } from './one-stage.ts';
import type { OperatorOptions } from './plain.ts';

/** The settings of `stages.filter` in a topology, which `swirl lint --reference` explains. */
export interface FilterOptions extends z.input<typeof filterConfig>, OperatorOptions {}

/**
 * Gathers the k verdicts of each trajectory and lets it pass as a whole or not at all: by default where every
 * step is GOOD. A trajectory whose steps are not all there when the window (1024 records by default) is full,
 * or the source is done, is a failure. Not RxJS's operator of the same name.
 *
 * @example
 * judged.pipe(filter({ mode: 'process+outcome' }));
 */
export function filter(options: FilterOptions = {}): OperatorFunction<Judged, Accepted> {
  const { queue: _queue, onFailure: _onFailure, ...settings } = options;
  return oneStage('filter', { stages: { filter: settings } }, options);
}
