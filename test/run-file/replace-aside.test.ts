/** A file that takes another one's place does so whole, or not at all. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { replaceAside } from '../../src/run-file/write-archive.ts';

test('a disk that is full in the middle leaves the file that was there, and nothing beside it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'swirl-aside-'));
  try {
    const path = join(folder, 'report.html');
    writeFileSync(path, 'before');
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const writing = replaceAside(path, async (handle) => {
      await handle.writeFile('half');
      throw full;
    });
    await expect(writing).rejects.toThrow(
      /report\.html: it could not be written \(ENOSPC.*nothing there was changed/,
    );
    expect(readFileSync(path, 'utf8')).toBe('before');
    expect(readdirSync(folder)).toEqual(['report.html']);
    await replaceAside(path, (handle) => handle.writeFile('after'));
    expect(readFileSync(path, 'utf8')).toBe('after');
    expect(readdirSync(folder)).toEqual(['report.html']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
