/** Numbers on the command line, and in what is said of them. */
import { InvalidArgumentError } from 'commander';

/** A whole number from 0 on; anything else is a usage error that names the option. */
export function count(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number from 0 on.');
}

/** A whole number from 1 on. */
export function positive(text: string): number {
  if (/^\d{1,15}$/.test(text) && Number(text) > 0) return Number(text);
  throw new InvalidArgumentError('expected a whole number from 1 on.');
}

/** `1 record`, `2 records`. */
export function counted(number: number, what: string, several = `${what}s`): string {
  return `${number} ${number === 1 ? what : several}`;
}
