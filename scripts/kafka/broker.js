/**
 * One Kafka broker on loopback, for development and tests: KRaft, one process, its data in a folder of its
 * own. It can be stopped, killed and started again on the same data, at the same port.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const logging = fileURLToPath(new URL('./log4j2.properties', import.meta.url));
const HOST = '127.0.0.1';
/**
 * How long a broker may take to start, in milliseconds: one that hangs. On a busy machine it takes minutes.
 */
const START_MS = 600_000;
const STOP_MS = 60_000;

/**
 * @typedef {object} BrokerOptions
 * @property {string} libs the folder with Kafka's jars
 * @property {string} data the folder for everything that the broker writes; made if missing
 * @property {number} [port] a free one when it is omitted; the data's own when the data are there already
 * @property {Record<string, string | number>} [settings] server properties in place of ours
 */

/**
 * @typedef {object} Broker
 * @property {string} address `127.0.0.1:PORT`, for clients
 * @property {number} pid
 * @property {string} log the path of its log
 * @property {Promise<void>} exited
 * @property {() => Promise<void>} stop a clean end
 * @property {() => Promise<void>} kill SIGKILL
 */

/**
 * Starts a broker and waits until it answers. Throws an Error with the end of its log when it does not.
 *
 * @param {BrokerOptions} options
 * @returns {Promise<Broker>}
 */
export async function startBroker(options) {
  const { libs, data } = options;
  mkdirSync(data, { recursive: true });
  const properties = join(data, 'server.properties');
  const before = existsSync(properties) ? readFileSync(properties, 'utf8') : '';
  // A restart keeps both ports: clients know the one, the metadata log the other.
  const port = options.port ?? known(before, /PLAINTEXT:\/\/[^:]+:(\d+)/) ?? (await freePort());
  const controller = known(before, /CONTROLLER:\/\/[^:]+:(\d+)/) ?? (await freePort());
  const settings = { ...defaults({ port, controller, logs: join(data, 'topics') }), ...options.settings };
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
  writeFileSync(properties, `${lines.join('\n')}\n`);
  const log = join(data, 'broker.log');
  const java = (/** @type {string[]} */ args) => [...JVM, '-cp', `${libs}/*`, ...args];

  if (!existsSync(join(data, 'topics', 'meta.properties'))) {
    // An id that began with a dash would be taken for an option.
    const id = randomBytes(16).toString('base64url').replace(/^-/, 'A');
    const format = ['kafka.tools.StorageTool', 'format', '-t', id, '-c', properties];
    const done = spawnSync('java', java(format), { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`${data} could not be formatted: ${done.stdout}${done.stderr}`);
  }

  const out = openSync(log, 'a');
  const child = spawn('java', java(['kafka.Kafka', properties]), { stdio: ['ignore', out, out] });
  closeSync(out);
  const exited = once(child, 'exit').then(() => {});
  const gone = () => child.exitCode !== null || child.signalCode !== null;
  const end = async (/** @type {NodeJS.Signals} */ signal) => {
    if (!gone()) child.kill(signal);
    await exited;
  };
  const address = `${HOST}:${port}`;
  for (const started = performance.now(); gone() || !(await answers(port)); await delay(50)) {
    if (!gone() && performance.now() - started < START_MS) continue;
    await end('SIGKILL');
    throw new Error(`the broker at ${address} did not start; the end of ${log}:\n${tail(log)}`);
  }
  return {
    address,
    pid: /** @type {number} */ (child.pid),
    log,
    exited,
    stop: async () => {
      const patience = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await end('SIGTERM');
      clearTimeout(patience);
    },
    kill: () => end('SIGKILL'),
  };
}

/** Little memory, and quick to start: no compiler that needs long to warm up. */
const JVM = [
  '-Xms128m',
  '-Xmx512m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Xshare:auto',
  '-Djava.awt.headless=true',
  `-Dlog4j2.configurationFile=${logging}`,
];

/** @param {{ port: number, controller: number, logs: string }} where */
function defaults({ port, controller, logs }) {
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${HOST}:${controller}`,
    listeners: `PLAINTEXT://${HOST}:${port},CONTROLLER://${HOST}:${controller}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': logs,
    // There is one broker: nothing can be replicated.
    'default.replication.factor': 1,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // Fewer files and threads than a cluster needs.
    'offsets.topic.num.partitions': 5,
    'transaction.state.log.num.partitions': 5,
    'share.coordinator.state.topic.num.partitions': 1,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    'log.cleaner.dedupe.buffer.size': 8 * 1024 * 1024,
    'log.segment.bytes': 64 * 1024 * 1024,
    'auto.create.topics.enable': false,
    // Records of the size that Swirl allows at most by default, with their frames.
    'message.max.bytes': 16 * 1024 * 1024,
    'group.initial.rebalance.delay.ms': 0,
    // Tests let sessions run out.
    'group.min.session.timeout.ms': 500,
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1000,
  };
}

/** @param {string} text @param {RegExp} pattern */
function known(text, pattern) {
  const found = pattern.exec(/^listeners=.*$/m.exec(text)?.[0] ?? '')?.[1];
  return found === undefined ? undefined : Number(found);
}

/** @returns {Promise<number>} */
export async function freePort() {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * A Metadata request of version 0: its size, key 3, version 0, correlation id 1, no client id, every topic.
 */
const METADATA = Buffer.from('0000000e0003000000000001000000000000', 'hex');

/**
 * Whether the broker answers a request, and not only accepts a connection.
 *
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function answers(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: HOST });
    const finish = (/** @type {boolean} */ yes) => {
      socket.destroy();
      resolve(yes);
    };
    socket.setTimeout(2000, () => finish(false));
    socket.on('error', () => finish(false));
    socket.on('close', () => finish(false));
    socket.on('connect', () => socket.write(METADATA));
    // Size, correlation id, then how many brokers there are.
    socket.on('data', (bytes) => finish(bytes.length >= 12 && bytes.readInt32BE(8) > 0));
  });
}

/** @param {string} path */
function tail(path) {
  return readFileSync(path, 'utf8').slice(-2000);
}
