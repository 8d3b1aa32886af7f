/** A folder of runs for a test, with the transports opened in it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type EmbeddedConfig,
  embeddedConfig,
  openEmbeddedLog,
} from '../../../src/topics/embedded/embedded-log.ts';
import type { Transport } from '../../../src/topics/transport.ts';

export interface EmbeddedFolder {
  readonly folder: string;
  open(
    run: string,
    options?: Partial<EmbeddedConfig> & { now?: () => number; access?: 'read' },
  ): Promise<Transport>;
  cleanup(): Promise<void>;
}

export function embeddedFolder(folder = mkdtempSync(join(tmpdir(), 'swirl-log-'))): EmbeddedFolder {
  const opened: Transport[] = [];
  return {
    folder,
    open: async (run, { now, access, ...settings } = {}) => {
      const transport = await openEmbeddedLog({
        folder,
        run,
        config: embeddedConfig.parse({ pollMs: 5, ...settings }),
        ...(now === undefined ? {} : { now }),
        ...(access === undefined ? {} : { access }),
      });
      opened.push(transport);
      return transport;
    },
    cleanup: async () => {
      for (const transport of opened) await transport.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
