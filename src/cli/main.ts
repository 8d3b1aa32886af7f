/** Where the `swirl` binary begins. */
import { runProgram } from './program.ts';

// A reader that has seen enough, such as `head`, closes the pipe: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

process.exitCode = await runProgram(process.argv);
// A device or a client that was not closed must not keep a finished command alive.
process.exit();
