/**
 * `npm run kafka`: one Kafka broker on loopback until Control-C, for development.
 *
 *   npm run kafka -- [--port 9092] [--data FOLDER]
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startBroker } from './broker.js';
import { ensureKafka, kafkaFolder, kafkaVersion } from './fetch.js';

/** @param {string} line */
const say = (line) => process.stdout.write(`kafka: ${line}\n`);

try {
  const { port, data } = settings();
  const libs = ensureKafka(say);
  say(`starting Kafka ${kafkaVersion}, its data in ${data}`);
  const broker = await startBroker({ libs, data, port });
  say(`ready at ${broker.address} (process ${broker.pid}, log in ${broker.log})`);
  say(`in a topology:  transport: { kind: kafka, brokers: ['${broker.address}'] }`);
  say(`stop it with Control-C; the data stay, and removing ${data} removes them`);
  let stopping = false;
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
    process.on(signal, () => {
      if (!stopping) say('stopping');
      stopping = true;
      void broker.stop();
    });
  }
  await broker.exited;
  if (!stopping) throw new Error(`the broker ended by itself; see ${broker.log}`);
  say('stopped');
} catch (error) {
  process.stderr.write(`kafka: ${/** @type {Error} */ (error).message}\n`);
  process.exitCode = 1;
}

function settings() {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '9092' }, data: { type: 'string' } },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`--port ${values.port}: expected a number from 1 to 65535`);
  }
  return { port, data: resolve(values.data ?? join(kafkaFolder, 'data')) };
}
