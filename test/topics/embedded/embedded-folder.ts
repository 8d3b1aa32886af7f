/** A folder of runs for a test, with the transports opened in it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedConfig, embeddedConfig } from '../../../src/topics/embedded/embedded-config.ts';
import { openEmbeddedLog } from '../../../src/topics/embedded/embedded-log.ts';
import type { Output, Transport } from '../../../src/topics/transport.ts';
import { TOPICS } from '../../../src/topology/topics.ts';

export interface EmbeddedFolder {
  readonly folder: string;
  open(
    run: string,
    options?: Partial<EmbeddedConfig> & { now?: () => number; access?: 'read' },
  ): Promise<Transport>;
  /** With all topics of Swirl's own, of one partition each. */
  openWhole(run: string): Promise<Transport>;
  cleanup(): Promise<void>;
}

export function embeddedFolder(folder = mkdtempSync(join(tmpdir(), 'swirl-log-'))): EmbeddedFolder {
  const opened: Transport[] = [];
  const open: EmbeddedFolder['open'] = async (run, { now, access, ...settings } = {}) => {
    const transport = await openEmbeddedLog({
      folder,
      run,
      config: embeddedConfig.parse({ pollMs: 5, ...settings }),
      ...(now === undefined ? {} : { now }),
      ...(access === undefined ? {} : { access }),
    });
    opened.push(transport);
    return transport;
  };
  return {
    folder,
    open,
    openWhole: async (run) => {
      const transport = await open(run, { pollMs: 2 });
      await transport.ensureTopics(TOPICS.map((name) => ({ name, partitions: 1 })));
      return transport;
    },
    cleanup: async () => {
      for (const transport of opened) await transport.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Appends the same records again and again until it fails, and counts those that were taken. */
export function fillUp(transport: Transport, page: readonly Output[]) {
  const filled = { count: 0, failed: Promise.resolve() };
  const fill = async (): Promise<void> => {
    for (;;) {
      await transport.append(page);
      filled.count += page.length;
    }
  };
  filled.failed = fill();
  return filled;
}
