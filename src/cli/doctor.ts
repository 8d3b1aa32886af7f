/** `swirl doctor`: whether this machine, and what a topology names, are fit for a run; each fault with its remedy. */
import type { Command } from 'commander';
import type { Check } from './doctor-check.ts';

interface DoctorFlags {
  readonly policy?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('doctor')
    .description('check adapter, gradients, endpoints and the run folder')
    .argument('[topology]', 'also check what this topology names')
    .option('--policy <dir>', "also check a policy's folder")
    .option('--json', 'print {"ok", "checks"} as JSON')
    .addHelpText('after', '\nExit codes: 0 everything is fine, 1 something is not.')
    .action(async (topology: string | undefined, flags: DoctorFlags) => {
      const { examine } = await import('./doctor-checks.ts');
      const checks: Check[] = [];
      for await (const check of examine({ topology, policy: flags.policy })) {
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
