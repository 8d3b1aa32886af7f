/** The `swirl` command: one file per subcommand beside this one. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { Command, CommanderError } from 'commander';
import { ConfigError, SwirlError } from '../errors.ts';
import { printable } from '../monitor/printable.ts';
import { EXIT, exitText, withExitCodes } from './exit.ts';
import { ownName, shippedTopology } from './own-name.ts';

/** Every command, in the order of the help. */
const GROUPS = {
  'To begin:': ['demo', 'doctor', 'lint', 'graph'],
  'Runs:': [
    'feed',
    'run',
    'watch',
    'report',
    'curves',
    'tap',
    'show',
    'trace',
    'retry',
    'replay',
    'branch',
    'verify',
    'diff',
    'compare',
    'runs',
    'export',
    'import',
    'reset',
    'evaluate',
    'calibrate',
    'cache',
  ],
  'Policies, corpora and formats:': ['score', 'new-policy', 'gguf', 'index', 'lab', 'schema'],
} as const;

/** What a new user does; of what is in every help it is the part that differs by how Swirl was started. */
function firstSteps(): string {
  const swirl = ownName();
  return `
First: ${swirl} demo
Then copy the topology that ships with it, and name your own policy there:
  cp ${shippedTopology()} my.yaml
  ${swirl} lint my.yaml
  ${swirl} feed train.jsonl -t my.yaml
  ${swirl} run my.yaml --until-drained`;
}

/**
 * A `~` that the shell left as it was, as it does within a word (`--policy=~/tiny`) and in quotes: a folder
 * of that name would be looked for, or made.
 */
function refuseHomePaths(args: readonly string[]): void {
  for (const argument of args) {
    const [, before, after] = /^((?:.*?=)?)~(?=$|[/\\])(.*)$/s.exec(argument) ?? [];
    if (before === undefined || after === undefined) continue;
    throw new ConfigError(
      `${printable(argument)}: \`~\` is written out by shells only, at the beginning of a word that is not in quotes: ` +
        `write ${printable(`${before}${homedir()}${after}`)}`,
    );
  }
}

/** The command line with every command; it parses, and runs what is asked for. */
export async function makeProgram(): Promise<Command> {
  const { version, description } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string; description: string };
  const program = new Command('swirl')
    .description(description)
    .version(version)
    .showHelpAfterError('(see --help)')
    .configureHelp({
      subcommandTerm: (command) => command.name(),
      // Outside a terminal as on one of 80 columns, for whoever reads a log.
      ...(process.stdout.isTTY ? {} : { helpWidth: 80 }),
    })
    .addHelpText('after', firstSteps())
    .addHelpCommand(
      new Command('help').argument('[command]').helpGroup('To begin:').summary('the same as --help'),
    )
    .exitOverride();
  withExitCodes(program, {
    failures: exitText('failures'),
    nothing: exitText('nothing'),
    alarm: exitText('alarm'),
    budget: exitText('budget'),
    differs: exitText('differs'),
    interrupted: exitText('interrupted'),
  });
  for (const [group, names] of Object.entries(GROUPS)) {
    program.commandsGroup(group);
    for (const name of names) {
      const { register } = (await import(`./${name}.ts`)) as { register: (program: Command) => void };
      register(program);
    }
  }
  return program;
}

/** Parses the arguments and runs the command. Returns the exit code; throws only on a defect. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const program = await makeProgram();
  try {
    refuseHomePaths(argv.slice(2));
    await program.parseAsync(argv as string[]);
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    if (error instanceof CommanderError) {
      const file = argv.find((argument) => /\.ya?ml$/.test(argument));
      if (error.code === 'commander.excessArguments' && file !== undefined) {
        process.stderr.write(`(a topology is named with -t: \`-t ${printable(file)}\`)\n`);
      }
      return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    }
    if (isOfSystem(error)) {
      process.stderr.write(`swirl: ${error.message}\n`);
      return EXIT.failed;
    }
    if (!(error instanceof SwirlError)) throw error;
    process.stderr.write(`swirl: ${error.message}\n`);
    return error instanceof ConfigError ? EXIT.usage : EXIT.failed;
  }
}

/** What the disk, its rights or a pipe refuse: no defect of Swirl's, and its stack says nothing. */
function isOfSystem(error: unknown): error is NodeJS.ErrnoException {
  const { code = '', path, syscall } = error as NodeJS.ErrnoException;
  if (!(error instanceof Error) || syscall === undefined) return false;
  return path !== undefined || ['EISDIR', 'ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EPIPE'].includes(code);
}
