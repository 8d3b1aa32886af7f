/**
 * A browser for the tests of the page that shows a run: the one there is, or Debian's Chromium. Ubuntu's package
 * of that name is a link to a snap, which is not installed for anybody.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { administrator, aptScript } from './apt-install.js';
import { distributionSources, sourceLine } from './apt-sources.js';
import { osRelease } from './driver.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'microsoft-edge'];
const ELSEWHERE = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
];

/** @returns {string | null} the program: `SWIRL_BROWSER`, or one of Chromium's kind that is installed */
export function findBrowser() {
  const named = process.env.SWIRL_BROWSER;
  if (named) return named;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const places = [...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))), ...ELSEWHERE];
  return places.find(isProgram) ?? null;
}

/**
 * Gets Debian's where there is none. Never fails: without a browser the tests of the page are skipped, and say so.
 *
 * @param {{ root: string, say: (line: string) => void }} options
 * @returns {void}
 */
export function ensureBrowser({ root, say }) {
  if (findBrowser() !== null) return;
  const { ID: id = '', VERSION_CODENAME: codename = '' } = osRelease();
  const become = administrator();
  if (id !== 'debian' || become === null) {
    say(
      'no Chromium here: the tests of the page of `swirl watch` will be skipped (install one, or name it in SWIRL_BROWSER)',
    );
    return;
  }
  const sources = distributionSources(codename).map(sourceLine);
  const file = join(root, '.swirl', 'install-chromium.sh');
  writeFileSync(file, aptScript({ what: 'Chromium', sources, packages: ['chromium', 'fonts-dejavu-core'] }), {
    mode: 0o755,
  });
  const [command = 'sh', ...rest] = [...become, 'sh', file];
  say(`installing Chromium for the tests of the page of \`swirl watch\`: ${[command, ...rest].join(' ')}`);
  const done = spawnSync(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  if (done.status !== 0) say(`Chromium was not installed: ${done.stderr.trim().split('\n').at(-1)}`);
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
