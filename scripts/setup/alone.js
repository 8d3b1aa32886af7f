/**
 * One set-up at a time in a checkout: the others wait. Whoever works listens at an address that the operating
 * system takes back when the process ends, however it ends; whoever waits is connected to it until then.
 */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * @template T
 * @param {{ root: string, say: (line: string) => void }} options the checkout; told when there is a wait
 * @param {() => T | Promise<T>} work
 * @returns {Promise<T>}
 */
export async function alone({ root, say }, work) {
  const address = addressOf(root);
  for (let told = false; ; told = true) {
    const release = await take(address, say);
    if (release !== null) {
      try {
        return await work();
      } finally {
        release();
      }
    }
    if (!told) say('another set-up is at work in this checkout: waiting until it is done');
    await untilGone(address);
  }
}

/** @param {string} root */
function addressOf(root) {
  const name = `swirl-setup-${createHash('sha256').update(root).digest('hex').slice(0, 24)}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`;
  // An abstract name, which is no file and cannot be left behind.
  if (process.platform === 'linux') return `\0${name}`;
  return join(tmpdir(), `${name}.sock`);
}

/**
 * @param {string} address
 * @param {(line: string) => void} say
 * @returns {Promise<(() => void) | null>} gives the address back; null: somebody else has it
 */
function take(address, say) {
  return new Promise((resolve) => {
    /** @type {Set<import('node:net').Socket>} */
    const waiting = new Set();
    const server = createServer((socket) => {
      waiting.add(socket.on('error', () => {}).unref());
    });
    server.once('error', (error) => {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error);
      if (code === 'EADDRINUSE') return resolve(null);
      say(`whether another set-up is at work cannot be seen here (${code}): going on`);
      resolve(() => {});
    });
    server.listen(address, () => {
      server.unref();
      resolve(() => {
        server.close();
        for (const socket of waiting) socket.destroy();
      });
    });
  });
}

/**
 * @param {string} address
 * @returns {Promise<void>} when nobody listens there any more
 */
function untilGone(address) {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.on('error', (error) => {
      // Outside of Linux and Windows: the file of one that was killed.
      const left = /** @type {NodeJS.ErrnoException} */ (error).code === 'ECONNREFUSED';
      if (left && address.startsWith('/')) rmSync(address, { force: true });
    });
    socket.on('close', () => resolve());
    socket.resume();
  });
}
