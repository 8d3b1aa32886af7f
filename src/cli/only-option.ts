/** `--only KEY=VALUE`: questions whose `meta` says this. */
import { InvalidArgumentError } from 'commander';

/** For commander: adds a value to those of its key. */
export function onlyOption(
  text: string,
  before: ReadonlyMap<string, readonly string[]> | undefined,
): ReadonlyMap<string, readonly string[]> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected KEY=VALUE, such as level=hard.');
  const key = text.slice(0, at);
  return new Map([...(before ?? []), [key, [...(before?.get(key) ?? []), text.slice(at + 1)]]]);
}
