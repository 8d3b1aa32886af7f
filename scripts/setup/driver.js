/** Mesa's software Vulkan driver (lavapipe), from the machine's own package archive on Debian and Ubuntu. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { administrator, aptScript } from './apt-install.js';
import { distributionSources, sourceLine } from './apt-sources.js';

/**
 * Installs the driver where that is possible: as root or with a sudo that asks for no password. Says what it
 * does, and otherwise what could be done.
 *
 * @param {{ root: string, say: (line: string) => void }} options
 * @returns {boolean} whether a driver was installed
 */
export function installSoftwareDriver({ root, say }) {
  const release = osRelease();
  const script = installScript(release, distributionSources(release.VERSION_CODENAME ?? ''));
  if (typeof script !== 'string') {
    say(script.instead);
    return false;
  }
  const file = join(root, '.swirl', 'install-vulkan-driver.sh');
  const shown = existsSync(file) && readFileSync(file, 'utf8') === script;
  writeFileSync(file, script, { mode: 0o755 });
  const become = administrator();
  if (become === null) {
    say('a software driver (Mesa lavapipe) would do; installing it needs an administrator. The command:');
    say(`    sudo sh ${file}`);
    if (!shown) {
      say('which is:');
      for (const line of script.trimEnd().split('\n')) say(`    ${line}`);
    }
    return false;
  }
  const [command = 'sh', ...rest] = [...become, 'sh', file];
  say(
    `installing Mesa's software Vulkan driver (lavapipe); the system's package sources stay as they are: ${[command, ...rest].join(' ')}`,
  );
  const started = performance.now();
  const done = spawnSync(command, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (done.status === 0) {
    say(`driver installed in ${((performance.now() - started) / 1000).toFixed(0)} s`);
    return true;
  }
  for (const line of `${done.stdout}${done.stderr}`.trimEnd().split('\n').slice(-15)) say(`    ${line}`);
  say(
    `the driver could not be installed (${done.error?.message ?? `exit code ${done.status}`}; apt's last words are above)`,
  );
  return false;
}

/**
 * The shell script that installs the driver: it can be read before it is run, and run by hand.
 *
 * @param {Record<string, string>} release `/etc/os-release`
 * @param {import('./apt-sources.js').Source[]} sources the distribution's archives that the machine uses
 * @returns {string | { instead: string }} the script, or what to do instead
 */
export function installScript(release, sources) {
  const { ID: id = '', VERSION_CODENAME: codename = '', PRETTY_NAME: pretty = 'this system' } = release;
  const family = [id, ...(release.ID_LIKE ?? '').split(' ')];
  if (!family.includes('debian') && !family.includes('ubuntu')) {
    return {
      instead: `on ${pretty} install a Vulkan driver by hand: the GPU's, or Mesa's lavapipe (23 or later), and the Vulkan loader`,
    };
  }
  const base = sources.find(({ suite }) => !/[-/](updates|security)$/.test(suite));
  if (base === undefined) {
    return {
      instead: `no package archive of ${pretty} (${codename}) is named in /etc/apt: add one, or install mesa-vulkan-drivers and libvulkan1`,
    };
  }
  // Debian 12's own Mesa 22.3 lacks what Dawn demands (shaderUniformBufferArrayDynamicIndexing); its
  // backports have 25.0.
  const backports =
    codename === 'bookworm' ? { ...base, suite: 'bookworm-backports', components: 'main' } : null;
  const lines = new Set([...sources, ...(backports ? [backports] : [])].map(sourceLine));
  const driver = `mesa-vulkan-drivers${backports ? '/bookworm-backports' : ''}`;
  return aptScript({
    what: "Mesa's software Vulkan driver",
    sources: [...lines],
    packages: [driver, 'libvulkan1'],
  });
}

/** @returns {Record<string, string>} */
export function osRelease() {
  const file = '/etc/os-release';
  if (!existsSync(file)) return {};
  const lines = readFileSync(file, 'utf8').matchAll(/^(\w+)=(?:"([^"]*)"|'([^']*)'|(.*))$/gm);
  return Object.fromEntries(
    [...lines].map(([, name, double, single, bare]) => [name, double ?? single ?? bare ?? '']),
  );
}
