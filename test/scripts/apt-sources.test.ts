import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { distributionSources, sourceLine } from '../../scripts/setup/apt-sources.js';
import { installScript } from '../../scripts/setup/driver.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-apt-test-'));
  mkdirSync(join(folder, 'sources.list.d'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const lines = (codename: string) => distributionSources(codename, folder).map(sourceLine);

describe("the machine's own package sources", () => {
  test('one-line format: options, comments and other archives', () => {
    writeFileSync(
      join(folder, 'sources.list'),
      `# deb http://old.example/debian bookworm main
deb cdrom:[Debian]/ bookworm main
deb [arch=amd64 signed-by=/k.gpg]  http://mirror.example/debian   bookworm  main  contrib # here
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/security bookworm-security main
`,
    );
    writeFileSync(
      join(folder, 'sources.list.d', 'cloud.list'),
      'deb https://cloud.example/apt cloud-bookworm main\n',
    );
    writeFileSync(
      join(folder, 'sources.list.d', 'off.list.save'),
      'deb http://no.example/debian bookworm main\n',
    );
    expect(lines('bookworm')).toEqual([
      'deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib',
      'deb http://mirror.example/security bookworm-security main',
    ]);
  });

  test('deb822 format: several suites, comments, continuation lines, a disabled stanza', () => {
    writeFileSync(
      join(folder, 'sources.list.d', 'ubuntu.sources'),
      `Types: deb deb-src
# a note
URIs: http://mirror.example/ubuntu
Suites: noble noble-updates noble-backports
Components: main
 universe
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/ubuntu
Suites: noble-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://off.example/ubuntu
Suites: noble
Components: main
`,
    );
    const key = '[signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg]';
    expect(lines('noble')).toEqual([
      `deb ${key} http://mirror.example/ubuntu noble main universe`,
      `deb ${key} http://mirror.example/ubuntu noble-updates main universe`,
      'deb http://mirror.example/ubuntu noble-security main',
    ]);
  });

  test('a machine without any', () => {
    rmSync(join(folder, 'sources.list.d'), { recursive: true });
    expect(lines('bookworm')).toEqual([]);
    mkdirSync(join(folder, 'sources.list.d'));
  });
});

describe('the script that installs the driver', () => {
  const bookworm = { ID: 'debian', VERSION_CODENAME: 'bookworm', PRETTY_NAME: 'Debian 12' };
  const source = { options: {}, uri: 'http://mirror.example/debian', suite: 'bookworm', components: 'main' };

  test('Debian 12 takes the driver from the backports of its own mirror', () => {
    const script = installScript(bookworm, [{ ...source, suite: 'bookworm-security' }, source]);
    expect(script).toContain('\ndeb http://mirror.example/debian bookworm-backports main\n');
    expect(script).toContain(' mesa-vulkan-drivers/bookworm-backports libvulkan1\n');
    expect(spawnSync('sh', ['-n'], { input: String(script) }).status).toBe(0);
  });

  test('Ubuntu takes it from its main archive', () => {
    const script = installScript({ ID: 'ubuntu', ID_LIKE: 'debian', VERSION_CODENAME: 'noble' }, [
      { ...source, suite: 'noble' },
    ]);
    expect(script).not.toContain('backports');
    expect(script).toContain(' mesa-vulkan-drivers libvulkan1\n');
  });

  test('every path that apt writes to or reads sources from is the temporary one', () => {
    const script = String(installScript(bookworm, [source]));
    for (const setting of [
      'Dir::Etc::SourceList="$dir',
      'Dir::Etc::SourceParts=/dev/null',
      'Dir::State::Lists="$dir',
      'Dir::Cache="$dir',
    ]) {
      expect(script).toContain(`-o ${setting}`);
    }
    // Every call of apt-get goes through the function that sets them.
    expect(script.match(/apt-get/g)).toHaveLength(1);
  });

  test('says what to do elsewhere, and where no archive is known', () => {
    expect(installScript({ ID: 'fedora', PRETTY_NAME: 'Fedora 43' }, [source])).toEqual({
      instead: expect.stringContaining('on Fedora 43 install a Vulkan driver by hand'),
    });
    expect(installScript(bookworm, [{ ...source, suite: 'bookworm-security' }])).toEqual({
      instead: expect.stringContaining('no package archive of Debian 12 (bookworm) is named in /etc/apt'),
    });
  });
});
