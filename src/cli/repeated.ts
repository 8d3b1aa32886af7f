/** Options that may be given again: each time with one value, so that they swallow no argument after it. */

/** For commander: adds a value to those before. */
export function repeated(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}
