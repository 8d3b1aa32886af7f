/** Where the `swirl` binary begins. */
import { EXIT } from './exit.ts';
import { runProgram } from './program.ts';

// A reader that has seen enough, such as `head`, closes the pipe: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  process.stderr.write(`swirl: the output cannot be written: ${error.message}\n`);
  process.exit(EXIT.failed);
});
// Messages that nobody reads any more, as with `2>&1 | head`, are no reason to end a run.
process.stderr.on('error', () => {});

process.exitCode = await runProgram(process.argv);
// What a slow reader of the pipe has not taken yet would be cut off below.
for (const stream of [process.stdout, process.stderr]) {
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
// A device or a client that was not closed must not keep a finished command alive.
process.exit();
