/** A WebGPU adapter: the one there is, or a software driver where one can be had. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installSoftwareDriver } from './driver.js';
import { pinDriver, pinnedDriver } from './pinned.js';

const probe = fileURLToPath(new URL('./probe.js', import.meta.url));
const icdFolders = ['/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/etc/vulkan/icd.d'];

/**
 * @typedef {{ name: string }} Adapter
 * @typedef {{ adapter: Adapter } | { adapter: null, why: string }} Found
 */

/**
 * Finds an adapter, and gets a software Vulkan driver where there is none. Never fails: without an adapter
 * Swirl computes with its float64 reference.
 *
 * @param {{ root: string, say: (line: string) => void }} options
 * @returns {Promise<void>}
 */
export async function ensureAdapter({ root, say }) {
  const now = findAdapter();
  if (now.adapter !== null) {
    say(`WebGPU adapter: ${now.adapter.name}`);
    return;
  }
  say(`no WebGPU adapter (${now.why})`);
  if (chosenByHand())
    say(
      `the environment names the Vulkan driver, ${chosenByHand()}: unset that, and set-up looks for another`,
    );
  else if (process.platform === 'linux' && installSoftwareDriver({ root, say })) {
    const then = findAdapter();
    if (then.adapter !== null) {
      say(`WebGPU adapter: ${then.adapter.name}`);
      return;
    }
    say(`the driver is installed, but still no WebGPU adapter (${then.why})`);
  }
  say(
    'going on with the float64 reference on the CPU: the same results to rounding, and slower on all but small policies',
  );
}

/**
 * Looks for an adapter: as the environment and the loader have it, and if that fails (one driver that crashes
 * hides the others) with Mesa's software driver alone, which is then what the checkout uses.
 *
 * @returns {Found}
 */
export function findAdapter() {
  if (chosenByHand()) return askDawn(null);
  const pinned = pinnedDriver();
  const first = askDawn(pinned);
  if (first.adapter !== null) return first;
  if (pinned !== null) {
    // The driver of an earlier set-up is gone.
    pinDriver(null);
    return findAdapter();
  }
  const software = softwareIcd();
  if (software === null) return first;
  const alone = askDawn(software);
  if (alone.adapter === null) return first;
  pinDriver(software);
  return alone;
}

/**
 * @returns {string | undefined} the drivers that the user named in the environment: the loader looks no
 * further
 */
function chosenByHand() {
  return process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES;
}

/** @returns {string | null} the manifest of Mesa's software driver, if it is installed */
function softwareIcd() {
  for (const folder of icdFolders.filter((path) => existsSync(path))) {
    const name = readdirSync(folder).find((entry) => /^lvp_icd.*\.json$/.test(entry));
    if (name !== undefined) return join(folder, name);
  }
  return null;
}

/**
 * @param {string | null} icd the only driver to load; null: whatever the loader finds
 * @returns {Found}
 */
function askDawn(icd) {
  const env = icd === null ? process.env : { ...process.env, VK_DRIVER_FILES: icd, VK_ICD_FILENAMES: icd };
  const child = spawnSync(process.execPath, [probe], { encoding: 'utf8', timeout: 60_000, env });
  const complaint = /** @param {string} text */ (text) =>
    text
      .split('\n')
      // Dawn's warning about a limit that it lowers, which is no reason (see src/device/adapter.ts).
      .find((line) => line.trim() !== '' && !line.startsWith('Warning: maxDynamic'))
      ?.trim();
  if (child.signal !== null) return { adapter: null, why: `asking for one ended with ${child.signal}` };
  if (child.status !== 0)
    return { adapter: null, why: complaint(child.stderr) ?? `asking for one ended with ${child.status}` };
  const answer = JSON.parse(child.stdout.trim().split('\n').at(-1) ?? '{}');
  if (!answer.found)
    return { adapter: null, why: answer.why ?? complaint(child.stderr) ?? 'Dawn found none' };
  return { adapter: { name: answer.name } };
}
