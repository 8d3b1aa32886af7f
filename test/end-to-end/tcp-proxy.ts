/**
 * A TCP proxy in front of a server, which can let nothing through for a while: neither refused nor closed,
 * just silence.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface TcpProxy {
  readonly address: string;
  /** Where connections go; there is nobody before it is set. */
  target(address: string): void;
  /** Bytes and new connections wait. */
  cut(): void;
  /** What waited arrives, late: answers to who is no longer there, requests of who has given up. */
  mend(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(): Promise<TcpProxy> {
  let target: { host: string; port: number } | undefined;
  let open = Promise.resolve();
  let mend = () => {};
  const sockets = new Set<Socket>();
  const server = createServer({ pauseOnConnect: true }, async (client) => {
    sockets.add(client.on('error', () => client.destroy()));
    await open;
    if (target === undefined || client.destroyed) {
      client.destroy();
      return;
    }
    const upstream = connect(target);
    sockets.add(upstream.on('error', () => upstream.destroy()));
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('data', async (bytes: Buffer) => {
        from.pause();
        await open;
        if (!to.destroyed) to.write(bytes);
        from.resume();
      });
      // A close is news too.
      from.on('close', async () => {
        sockets.delete(from);
        await open;
        to.destroy();
      });
    }
    client.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    target: (address) => {
      const [host = '', port] = address.split(':');
      target = { host, port: Number(port) };
    },
    cut: () => {
      open = new Promise((resolve) => {
        mend = resolve;
      });
    },
    mend: () => {
      mend();
      open = Promise.resolve();
    },
    close: async () => {
      mend();
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
