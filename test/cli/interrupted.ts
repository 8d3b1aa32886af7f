/** A process that is interrupted while its event loop stands still, or does not: `interrupted.ts held|free`. */
import { interrupts } from '../../src/cli/interrupt.ts';
import { interruptsHeard } from '../../src/cli/interrupt-watch.ts';

const { stop, abort } = interrupts((message) => process.stdout.write(`${message}\n`));
const going = setInterval(() => {}, 1000);
stop.addEventListener('abort', () => process.stdout.write('stopping\n'));
abort.addEventListener('abort', () => {
  process.stdout.write('aborted\n');
  clearInterval(going);
});
await interruptsHeard();
process.stdout.write('ready\n');
if (process.argv[2] === 'held') for (;;);
