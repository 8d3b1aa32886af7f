/**
 * A worker's health: whether this container has a connection to a broker. Reads the kernel's table, so that
 * it costs no connection and no device. Workers stop by themselves on errors; how far they are the consumer
 * groups tell.
 *
 *   node connected.js PORT...     0: there is a connection to one of these ports; 1: there is none
 */
import { readFileSync } from 'node:fs';

/** `st` of an established connection in /proc/net/tcp (Linux, include/net/tcp_states.h). */
const ESTABLISHED = '01';

const ports = process.argv.slice(2).map(Number);
if (ports.length === 0 || !ports.every((port) => Number.isInteger(port) && port > 0 && port < 65_536)) {
  process.stderr.write(`expected the brokers' ports, found ${process.argv.slice(2).join(' ') || 'none'}\n`);
  process.exit(2);
}

/** The remote ports of this network namespace's connections. @param {string} table @returns {number[]} */
function remotePorts(table) {
  let text = '';
  try {
    text = readFileSync(table, 'latin1');
  } catch {
    // A kernel without IPv6 has no table of it.
  }
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state]) => state === ESTABLISHED)
    .map(([, , remote = '']) => Number.parseInt(remote.split(':')[1] ?? '', 16));
}

const connected = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(remotePorts);
const found = ports.some((port) => connected.includes(port));
process.stdout.write(found ? 'connected\n' : `no connection to port ${ports.join(' or ')}\n`);
process.exitCode = found ? 0 : 1;
