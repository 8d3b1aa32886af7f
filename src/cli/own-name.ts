/** How this process was started, so that what it tells people to type next works for them. */
import { basename, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `swirl` where that is on the path; `npx swirl` under npx; `node bin/swirl.js` in a checkout. */
export function ownName(
  argv: readonly string[] = process.argv,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const started = argv[1] ?? '';
  // Of a link on the path Node gives the link's own name.
  if (/^swirl(\.cmd|\.ps1)?$/.test(basename(started)))
    return env.npm_command === 'exec' ? 'npx swirl' : 'swirl';
  const fromHere = relative('.', started);
  const shorter = fromHere.length < started.length ? fromHere : started;
  return /\s/.test(shorter) ? 'swirl' : `node ${shorter}`;
}

/** The topology that ships with Swirl, as it is best written from here. */
export function shippedTopology(): string {
  const path = fileURLToPath(new URL('../../topology.yaml', import.meta.url));
  const fromHere = relative('.', path);
  return fromHere.length < path.length ? fromHere : path;
}
