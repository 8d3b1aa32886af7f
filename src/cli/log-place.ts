/** A place in a topic, as the command line says it. */

/** An offset, or a time in milliseconds since 1970 that begins with a year; null for anything else. */
export function logPlace(text: string): { readonly offset: number } | { readonly time: number } | null {
  if (/^\d{1,15}$/.test(text)) return { offset: Number(text) };
  const time = /^\d{4}-/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? null : { time };
}
