/**
 * What every transport promises. Each implementation runs this suite against its own fixture. Nothing here
 * supposes that offsets have no gaps, or that one process sees at once what another has appended.
 */
import { afterEach, beforeEach, describe } from '@jest/globals';
import type { Transport } from '../../src/topics/transport.ts';
import type { Given } from './contract/given.ts';
import { inputContract } from './contract/inputs.ts';
import { ownerContract } from './contract/owners.ts';
import { readingContract } from './contract/reading.ts';

export interface TransportFixture {
  /**
   * Opens a transport of a run. Opened again for the same run, it acts as a process that was started anew
   * while the earlier one still hangs: what it subscribes to, it takes over.
   */
  open(run: string): Promise<Transport>;
  /** Gives back everything, open transports included. */
  cleanup(): Promise<void>;
}

/** Declares the suite; `makeFixture` is called before each test. */
export function transportContract(name: string, makeFixture: () => Promise<TransportFixture>): void {
  describe(`${name} keeps the transport contract`, () => {
    const given = {
      own: async (group, topic = 'in', of = given.transport, run) => {
        const options = { group, topic, signal: given.over.signal, ...(run === undefined ? {} : { run }) };
        for await (const input of of.subscribe(options)) return input;
        throw new Error('no partition came');
      },
    } as { -readonly [K in keyof Given]: Given[K] };
    let tests = 0;

    beforeEach(async () => {
      given.fixture = await makeFixture();
      given.run = `contract-${process.pid}-${++tests}`;
      given.transport = await given.fixture.open(given.run);
      given.over = new AbortController();
      await given.transport.ensureTopics([
        { name: 'in', partitions: 1 },
        { name: 'out', partitions: 1 },
        { name: 'wide', partitions: 3 },
      ]);
    });

    afterEach(async () => {
      given.over.abort();
      await given.fixture.cleanup();
    });

    readingContract(given);
    inputContract(given);
    ownerContract(given);
  });
}
