/** The `swirl` command: one file per subcommand beside this one. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { ConfigError, SwirlError } from '../errors.ts';
import { EXIT } from './exit.ts';

const COMMANDS = [
  'run',
  'feed',
  'tap',
  'replay',
  'evaluate',
  'score',
  'schema',
  'lint',
  'graph',
  'doctor',
  'new-policy',
  'lab',
  'demo',
] as const;

/** Parses the arguments and runs the command. Returns the exit code; throws only on a defect. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const { version, description } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string; description: string };
  const program = new Command('swirl')
    .description(description)
    .version(version)
    .showHelpAfterError('(see --help)')
    .exitOverride()
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong configuration or usage, 3 done but some records failed, 130 interrupted (0 where a signal is the only end, as of `run` without --until-drained).',
    );
  for (const name of COMMANDS) {
    const { register } = (await import(`./${name}.ts`)) as { register: (program: Command) => void };
    register(program);
  }
  try {
    await program.parseAsync(argv as string[]);
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (!(error instanceof SwirlError)) throw error;
    process.stderr.write(`swirl: ${error.message}\n`);
    return error instanceof ConfigError ? EXIT.usage : EXIT.failed;
  }
}
