/**
 * `swirl doctor`: whether this machine, and what a topology names, are fit for a run; each fault with its
 * remedy.
 */
import type { Command } from 'commander';
import type { Check } from './doctor-check.ts';
import { EXIT, withExitCodes } from './exit.ts';
import { canRewrite } from './screen.ts';
import { settingsOf, type TopologyFlags, topologyFile, withTopology } from './topology-option.ts';

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
        'what it needs of memory, the run folder, brokers, endpoints, each of which is asked for one token, and tools of other people',
    )
    .argument('[topology]', 'also check what this topology names (default: none)')
    .option('--policy <folder>', "also check a policy's folder")
    .option('--json', 'print {"ok", "checks"} as JSON');
  withExitCodes(withTopology(command), {
    done: 'everything is fine',
    failed: 'something is not; it is said what to do',
  }).action(async (argument: string | undefined, flags: DoctorFlags) => {
    const [{ examine }, { announce, checkText, endText }] = await Promise.all([
      import('./doctor-checks.ts'),
      import('./doctor-report.ts'),
    ]);
    const { policy } = flags;
    const named = argument ?? flags.topology;
    const topology = named === undefined ? undefined : await topologyFile(argument, flags);
    const forPeople = flags.json !== true;
    const begin = (name: string) => {
      if (forPeople && canRewrite(process.stdout)) process.stdout.write(announce(name));
    };
    const checks: Check[] = [];
    for await (const check of examine({ topology, set: settingsOf(topology ?? '', flags), policy, begin })) {
      checks.push(check);
      if (forPeople) process.stdout.write(checkText(check));
    }
    const ok = checks.every((check) => check.ok);
    process.stdout.write(forPeople ? endText(checks) : `${JSON.stringify({ ok, checks })}\n`);
    process.exitCode = ok ? EXIT.done : EXIT.failed;
  });
}
