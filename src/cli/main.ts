/** Where the `swirl` binary begins. */
import { runProgram } from './program.ts';

process.exitCode = await runProgram(process.argv);
// A device or a client that was not closed must not keep a finished command alive.
process.exit();
