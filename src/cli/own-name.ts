/** How this process was started, so that what it tells people to type next works for them. */
import { basename, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What no shell reads as anything but itself. */
const PLAIN = /^[\w@%+=:,./-]+$/;
/** The same on Windows, whose paths have backslashes. */
const PLAIN_ON_WINDOWS = /^[\w@+=:.\\/-]+$/;

/** `swirl` where that is on the path; `npx swirl` under npx; `node bin/swirl.js` in a checkout. */
export function ownName(
  argv: readonly string[] = process.argv,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const started = argv[1] ?? '';
  // Of a link on the path Node gives the link's own name.
  if (/^swirl(\.cmd|\.ps1)?$/.test(basename(started)))
    return env.npm_command === 'exec' ? 'npx swirl' : 'swirl';
  return `node ${shellWord(fromHere(started))}`;
}

/**
 * A command of Swirl's as it is typed here: what is in a word, such as the spaces of a folder's name, stays one
 * argument.
 */
export function swirlCommand(...words: readonly string[]): string {
  return [ownName(), ...words.map((word) => shellWord(word))].join(' ');
}

/** A path as it is best written from here; no option, whatever its name begins with. */
export function pathHere(path: string): string {
  const here = fromHere(path) || '.';
  return here.startsWith('-') ? `./${here}` : here;
}

/** One word of a command line, in quotes where it needs them. */
export function shellWord(word: string, platform: NodeJS.Platform = process.platform): string {
  // PowerShell and cmd.exe agree on double quotes alone.
  if (platform === 'win32') return PLAIN_ON_WINDOWS.test(word) ? word : `"${word}"`;
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** The topology that ships with Swirl, as a word of a command. */
export function shippedTopology(): string {
  return shellWord(pathHere(fileURLToPath(new URL('../../topology.yaml', import.meta.url))));
}

function fromHere(path: string): string {
  const here = relative('.', path);
  return here.length < path.length ? here : path;
}
