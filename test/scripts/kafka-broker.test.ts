/** The broker in one command: starts, stops, is killed, and keeps what it had. */
import { connect } from 'node:net';
import { expect, test } from '@jest/globals';
import { ownBroker, withKafka } from '../topics/kafka/broker.ts';

const accepts = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const [host, port] = address.split(':') as [string, string];
    const socket = connect({ host, port: Number(port) });
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

withKafka('a broker of development', () => {
  test('answers when it is started, and again at the same address after it was killed', async () => {
    const broker = await ownBroker();
    try {
      expect(await accepts(broker.address)).toBe(true);
      const first = broker.pid();
      await broker.kill();
      expect(await accepts(broker.address)).toBe(false);
      await broker.restart();
      expect(broker.pid()).not.toBe(first);
      expect(await accepts(broker.address)).toBe(true);
    } finally {
      await broker.cleanup();
    }
  });
});
