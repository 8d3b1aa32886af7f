/** A tool's secrets are in no observation, record or message: whoever was given them may send them back. */

/** Shorter values of variables are words such as `on` or `1`, and no secrets. */
const LEAST_CHARS = 8;

/**
 * A text without the secrets, as they are and as JSON and URLs write them; of `Bearer abc…` and the like also
 * without what stands after the scheme.
 */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const credentials = secretsAmong(secrets.flatMap((secret) => /^\S+ +(\S+)$/.exec(secret)?.[1] ?? []));
  return [...secrets, ...credentials]
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)])
    .toSorted((a, b) => b.length - a.length)
    .reduce((shown, secret) => shown.replaceAll(secret, '[secret]'), text);
}

/** Of values those that may be secrets. */
export function secretsAmong(values: readonly string[]): string[] {
  return values.filter((value) => value.length >= LEAST_CHARS);
}
