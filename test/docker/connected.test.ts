/** The worker's health check, against connections of this machine. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

const script = fileURLToPath(new URL('../../docker/connected.js', import.meta.url));
/** The kernel's table, which containers have and other systems do not. */
const onLinux = existsSync('/proc/net/tcp') ? test : test.skip;

let server: Server;
let port: number;
let accepted: Socket[];
beforeEach(async () => {
  accepted = [];
  server = createServer((socket) => accepted.push(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterEach(() => {
  for (const socket of accepted) socket.destroy();
  server.close();
});

const run = (...ports: readonly (string | number)[]) =>
  spawnSync(process.execPath, [script, ...ports.map(String)], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });

onLinux('a port counts once there is a connection to it, and no longer', async () => {
  // That somebody listens is no connection.
  expect(run(port)).toMatchObject({ status: 1, stdout: `no connection to port ${port}\n` });
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  expect(run(port)).toMatchObject({ status: 0, stdout: 'connected\n' });
  expect(run(1, port).status).toBe(0);
  // The other end's port is not the broker's.
  expect(run(1).status).toBe(1);
  socket.destroy();
  await once(socket, 'close');
  expect(run(port).status).toBe(1);
});

test('what is no port is said', () => {
  for (const ports of [[], ['kafka'], [0], [65_536]]) {
    expect(run(...ports)).toMatchObject({ status: 2, stderr: expect.stringContaining('expected') });
  }
});
