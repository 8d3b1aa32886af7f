/** Where a topic ends for a command: `--until 1200`, `--until 2026-11-29T21:00:00Z`. */
import { ConfigError } from '../errors.ts';
import { logPlace } from './log-place.ts';

export interface Until {
  readonly offset?: number;
  /** ISO 8601. */
  readonly time?: string;
}

/** Throws a `ConfigError` for anything but an offset or a time. */
export function untilOf(text: string): Until {
  const place = logPlace(text);
  if (place !== null) return 'offset' in place ? place : { time: new Date(place.time).toISOString() };
  throw new ConfigError(
    `--until ${JSON.stringify(text)}: expected an offset, or a time such as 2026-11-29T21:00:00Z`,
  );
}
