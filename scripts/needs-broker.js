/** Whether any test file that jest is to run needs a Kafka broker: jest itself knows what they import. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Every test on a broker comes through this module. Jest knows the imports of what is in its `roots`, test/.
 */
const door = fileURLToPath(new URL('../test/topics/kafka/broker.ts', import.meta.url));

/**
 * @param {{ jest: string, root: string, args: readonly string[] }} options the jest to run, where, how
 * @returns {boolean}
 */
export function needsBroker({ jest, root, args }) {
  const listed = (/** @type {readonly string[]} */ more) =>
    spawnSync(process.execPath, [jest, ...more, '--listTests'], { cwd: root, encoding: 'utf8' }).stdout.split(
      '\n',
    );
  const onBroker = new Set(listed(['--findRelatedTests', door]).filter((file) => file !== ''));
  return listed(args).some((file) => onBroker.has(file));
}
