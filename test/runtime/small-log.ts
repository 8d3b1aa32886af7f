/** The embedded log for tests of the runtime, with every topic of Swirl's. */
import { afterEach } from '@jest/globals';
import { decode, encode } from '../../src/topics/avro/codec.ts';
import type { Transport } from '../../src/topics/transport.ts';
import { type EmbeddedFolder, embeddedFolder } from '../topics/embedded/embedded-folder.ts';

export const codec = { encode, decode };
/** Waits for nothing. */
export const sleep = async () => {};

let folders: EmbeddedFolder[] = [];
afterEach(async () => {
  for (const folder of folders) await folder.cleanup();
  folders = [];
});

/** A log of its own, until the test has ended. */
export function smallLog(run = 'test'): Promise<Transport> {
  const folder = embeddedFolder();
  folders.push(folder);
  return folder.openWhole(run);
}
