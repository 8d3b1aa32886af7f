/**
 * `swirl doctor`: whether this machine, and what a topology names, are fit for a run; each fault with its
 * remedy.
 */
import type { Command } from 'commander';
import type { Check } from './doctor-check.ts';
import { withExitCodes } from './exit.ts';
import { settingsOf, type TopologyFlags, withArgument, withTopology } from './topology-option.ts';

interface DoctorFlags extends TopologyFlags {
  readonly policy?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('doctor')
    .summary('check this machine, and what a topology names')
    .description(
      'check this machine (the adapter, every kernel against float64) and what a topology names: the policy, ' +
        'what it needs of memory, the run folder, brokers, and endpoints, each of which is asked for one token',
    )
    .argument('[topology]', 'also check what this topology names (default: none)')
    .option('--policy <folder>', "also check a policy's folder")
    .option('--json', 'print {"ok", "checks"} as JSON');
  withExitCodes(withTopology(command), {
    done: 'everything is fine',
    failed: 'something is not; it is said what to do',
  }).action(async (argument: string | undefined, flags: DoctorFlags) => {
    const { examine } = await import('./doctor-checks.ts');
    const options = withArgument(argument, flags);
    const { topology, policy } = options;
    const checks: Check[] = [];
    for await (const check of examine({ topology, set: settingsOf(options), policy })) {
      checks.push(check);
      if (flags.json !== true) process.stdout.write(await report(check));
    }
    const ok = checks.every((check) => check.ok);
    const faults = checks.filter((check) => !check.ok).length;
    process.stdout.write(
      flags.json === true
        ? `${JSON.stringify({ ok, checks })}\n`
        : ok
          ? 'everything is fine\n'
          : `${faults} of ${checks.length} checks failed\n`,
    );
    process.exitCode = ok ? 0 : 1;
  });
}

async function report({ name, ok, found, fix, lines = [] }: Check): Promise<string> {
  const { default: colors } = await import('picocolors');
  const { printable } = await import('../monitor/printable.ts');
  const mark = ok ? colors.green('ok    ') : colors.red('FAILED');
  const more = [...lines, ...(fix === undefined ? [] : [`what to do: ${fix}`])];
  return [`${mark} ${name}: ${printable(found)}`, ...more.map((line) => `         ${line}`)]
    .join('\n')
    .concat('\n');
}
