/**
 * The first lines of a run's resolved topology: what it is, which run it is of, and a hash, so that a changed
 * byte gives no other settings.
 */
import { createHash } from 'node:crypto';
import { ConfigError } from '../errors.ts';

const WHAT = /^# Swirl wrote this: the topology of the run \S+ with every default filled in\.$/;
const IDENTITY = /^# Its identity: ([0-9a-f-]{36})$/;
const HASH = /^# SHA-256 of all other lines: ([0-9a-f]{64})$/;

export interface ResolvedText {
  readonly run: string;
  /** Tells the run from others of its name. */
  readonly identity: string;
  /** YAML. */
  readonly body: string;
}

/** The whole text of the file. */
export function sealed({ run, identity, body }: ResolvedText): string {
  const what = `# Swirl wrote this: the topology of the run ${run} with every default filled in.`;
  const [first, second] = [what, `# Its identity: ${identity}`];
  const hash = hashOf([first, second, body]);
  return `${first}\n${second}\n# SHA-256 of all other lines: ${hash}\n${body}`;
}

/** The run's identity; null where an earlier version wrote the text. */
export function identityIn(text: string): string | null {
  return IDENTITY.exec(text.split('\n', 2)[1] ?? '')?.[1] ?? null;
}

/**
 * Whether the text has a hash: false where an earlier version wrote it. Throws `ConfigError` where it is not
 * what was written.
 */
export function checkResolved(text: string, path: string): boolean {
  const [first = '', second = '', third = '', ...rest] = text.split('\n');
  const isOurs = WHAT.test(first);
  if (isOurs && !second.startsWith('#') && second !== '') return false;
  const hash = HASH.exec(third)?.[1];
  const taken = hash === undefined && IDENTITY.test(second) && !third.startsWith('#') && third !== '';
  if (isOurs && taken) return false;
  if (isOurs && hash === hashOf([first, second, rest.join('\n')])) return true;
  throw new ConfigError(
    `${path} is not what Swirl wrote there: it was changed by hand, or is damaged. Put it back from a copy. If ` +
      'you changed it and mean it, delete its line with the SHA-256: the file is taken as it is then',
  );
}

function hashOf(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}
