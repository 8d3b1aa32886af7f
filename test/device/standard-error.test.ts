import { spawnSync } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { onDevice } from './on-device.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const here = (file: string) => pathToFileURL(`${root}src/device/${file}`).href;

/** What a process with this code prints on standard error, which is a socket here. */
function stderrOf(code: string): { readonly stderr: string; readonly status: number | null } {
  const { stderr, status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', code],
    { cwd: root, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } },
  );
  return { stderr, status };
}

// As native code prints: by the descriptor, past `process.stderr`.
const start = `
  import { writeSync } from 'node:fs';
  import { withoutLines } from '${here('standard-error.ts')}';
  const print = (text) => writeSync(2, text);
`;

const windows = process.platform === 'win32';
const whereLeftOut = windows ? describe.skip : describe;
whereLeftOut(`lines left out${windows ? ' (skipped: on Windows none is)' : ''}`, () => {
  test('only the known lines, only during the call; all else as it was, a last line without an end too', () => {
    const { stderr } = stderrOf(`${start}
      print('noise 1, before\\n');
      const got = await withoutLines(/^noise \\d/, () => {
        print('noise 1\\nkept\\n  noise of another kind\\r\\nnoise 2\\nthe rest');
        return Promise.resolve('its result');
      });
      print('; ' + got + '\\nnoise 3, after\\n');
      console.error('console');
    `);
    expect(stderr).toBe(
      'noise 1, before\nkept\n  noise of another kind\r\nthe rest; its result\nnoise 3, after\nconsole\n',
    );
  });

  test('what a failed call printed before is passed on, and its error too', () => {
    const { stderr, status } = stderrOf(`${start}
      await withoutLines(/^noise/, () => {
        print('why\\nnoise\\n');
        throw new Error('broken');
      }).catch((error) => print(error.message + '\\n'));
    `);
    expect(stderr).toBe('why\nbroken\n');
    expect(status).toBe(0);
  });
});

onDevice('an adapter', () => {
  test('is found without a word', () => {
    const code = `
      const { findAdapter } = await import('${here('adapter.ts')}');
      await findAdapter();
      process.exit(0);
    `;
    expect(stderrOf(code)).toEqual({ stderr: '', status: 0 });
  });
});
