/** Numbers on the command line. */
import { InvalidArgumentError } from 'commander';

/** A whole number from 0 on; anything else is a usage error that names the option. */
export function count(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number from 0 on.');
}
