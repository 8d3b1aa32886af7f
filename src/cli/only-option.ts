/** `--only KEY=VALUE`: questions whose `meta` says this. */
import { InvalidArgumentError } from 'commander';

/** For commander: adds a key with its value to those before. */
export function onlyOption(
  text: string,
  before: ReadonlyMap<string, string> | undefined,
): ReadonlyMap<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected KEY=VALUE, such as level=hard.');
  return new Map([...(before ?? []), [text.slice(0, at), text.slice(at + 1)]]);
}
