/** Two Control-Cs end a process, whether its event loop turns or stands still. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from '@jest/globals';
import { pause, until } from '../patience.ts';

const script = fileURLToPath(new URL('./interrupted.ts', import.meta.url));
let child: ChildProcess | undefined;
afterEach(() => {
  child?.kill('SIGKILL');
});

async function begin(how: 'held' | 'free') {
  const process_ = spawn(process.execPath, ['--import', 'tsx', script, how], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child = process_;
  let said = '';
  for (const stream of [process_.stdout, process_.stderr])
    stream.on('data', (text: Buffer) => (said += text));
  const exited = once(process_, 'close');
  const says = (text: string) => until(text, () => said.includes(text), { details: () => said });
  await says('ready');
  return { interrupt: () => process_.kill('SIGINT'), exited, says, said: () => said };
}

test('with an event loop that stands still for ever', async () => {
  const { interrupt, exited, said } = await begin('held');
  let hasEnded = false;
  const ended = exited.then((how) => {
    hasEnded = true;
    return how;
  });
  // One at a time, as two that come as one are one; as often as it takes on a busy machine.
  while (!hasEnded) {
    interrupt();
    await pause(300);
  }
  expect(await ended).toEqual([null, 'SIGINT']);
  expect(said()).not.toContain('stopping');
});

test('with one that turns, the first stops and the second aborts', async () => {
  const { interrupt, exited, says } = await begin('free');
  interrupt();
  await says('stopping');
  interrupt();
  await says('aborted');
  expect(await exited).toEqual([0, null]);
});
