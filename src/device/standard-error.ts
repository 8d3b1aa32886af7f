/**
 * Leaves known lines out of what native code prints to standard error.
 *
 * Dawn writes some warnings with C's `fprintf(stderr)`, below JavaScript, and offers no switch and no
 * callback for them (read in its Limits.cpp and Log.cpp; a device's logging callback comes later and is not
 * asked). So for the time of a call file descriptor 2 leads into a file, by POSIX `dup2`, which Node does not
 * have and koffi calls; then all else goes where it belongs. Where koffi is not there (it is an optional
 * dependency), and on Windows, nothing is left out.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** File descriptors of this process: made to be another name of an open file, until that is closed. */
interface Descriptors {
  dup(descriptor: number): number;
  dup2(descriptor: number, as: number): number;
}

const STDERR = 2;

/**
 * Makes a synchronous call; lines that match `known` and were printed meanwhile, by any thread, are dropped.
 */
export async function withoutLines<T>(known: RegExp, call: () => T): Promise<Awaited<T>> {
  const descriptors = await openDescriptors();
  if (descriptors === null) return await call();
  return await diverted(descriptors, { call, pass: (text) => process.stderr.write(without(known, text)) });
}

/** The text without lines that match. */
function without(known: RegExp, text: string): string {
  return text
    .split(/(?<=\n)/)
    .filter((line) => !known.test(line.trimEnd()))
    .join('');
}

/**
 * Makes a call while descriptor 2 leads into a file, and passes on what that holds then; whatever the call
 * throws.
 */
function diverted<T>(
  { dup, dup2 }: Descriptors,
  { call, pass }: { readonly call: () => T; readonly pass: (text: string) => void },
): T {
  const folder = mkdtempSync(join(tmpdir(), 'swirl-stderr-'));
  const file = join(folder, 'stderr');
  try {
    const own = dup(STDERR);
    // Somebody closed it: nothing is printed.
    if (own < 0) return call();
    const aside = openSync(file, 'w', 0o600);
    try {
      dup2(aside, STDERR);
      return call();
    } finally {
      dup2(own, STDERR);
      closeSync(own);
      closeSync(aside);
      pass(readFileSync(file, 'utf8'));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function openDescriptors(): Promise<Descriptors | null> {
  if (process.platform === 'win32') return null;
  try {
    const { default: koffi } = await import('koffi');
    // What this process has loaded already, the C library among it.
    const loaded = koffi.load(null);
    return {
      dup: loaded.func('int dup(int descriptor)') as Descriptors['dup'],
      dup2: loaded.func('int dup2(int descriptor, int as)') as Descriptors['dup2'],
    };
  } catch {
    // Not installed, or not for this platform. Two lines too many are no reason to stop.
    return null;
  }
}
