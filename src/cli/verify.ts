/** `swirl verify`: whether what lies in a run's folder is what was written there. */
import type { Command } from 'commander';
import { EXIT, withExitCodes } from './exit.ts';
import type { Finding } from './verify-finding.ts';

interface VerifyFlags {
  readonly folder: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('verify')
    .summary('look whether a run is what was written')
    .description(
      "read all of a run's folder (settings, log, checkpoints), and say what is as it was written and what is not; changes nothing",
    )
    .argument('<run>', "the run's name, or its folder")
    .option('--folder <path>', 'where the runs live', 'runs')
    .option('--json', 'print what was found as one JSON object');
  withExitCodes(command, { failed: 'something is damaged', done: 'nothing is damaged' }).action(
    async (run: string, flags: VerifyFlags) => {
      const [{ verifyRun }, { runPlace }] = await Promise.all([
        import('./verify-run.ts'),
        import('../topology/run-place.ts'),
      ]);
      const findings: Finding[] = [];
      const place = runPlace(run, flags.folder, { broken: true });
      for await (const finding of verifyRun(place)) {
        findings.push(finding);
        if (flags.json !== true) process.stdout.write(`${lineOf(finding)}\n`);
      }
      const count = (state: Finding['state']) => findings.filter((one) => one.state === state).length;
      if (flags.json === true) process.stdout.write(`${JSON.stringify({ run: place.run, findings })}\n`);
      else process.stdout.write(`${summary(place.run, count('damaged'), count('unchecked'))}\n`);
      process.exitCode = count('damaged') > 0 ? EXIT.failed : EXIT.done;
    },
  );
}

function lineOf({ part, state, says }: Finding): string {
  return `${state.padEnd(9)}  ${part}: ${says}`;
}

function summary(run: string, damaged: number, unchecked: number): string {
  if (damaged > 0) return `the run ${run} is damaged in ${damaged} ${damaged === 1 ? 'part' : 'parts'}`;
  const rest = unchecked > 0 ? `; of ${unchecked} of its parts that cannot be known` : '';
  return `the run ${run} is what was written${rest}`;
}
