/** `swirl lint`: everything that is wrong with a topology, at once, with file, line and column. */
import type { Command } from 'commander';
import type { QuestionsFit } from '../topology/questions-fit.ts';
import type { Topology } from '../topology/topology.ts';
import { withExitCodes } from './exit.ts';
import { type ReaderFlags, readerOf, withReader } from './reader-option.ts';
import { settingsOf, type TopologyFlags, topologyFile, withTopology } from './topology-option.ts';

interface LintFlags extends TopologyFlags, ReaderFlags {
  readonly json?: boolean;
  readonly questions?: string;
  readonly device?: boolean;
  readonly reference?: boolean;
  readonly schema?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('lint')
    .summary('say all that is wrong with a topology')
    .description('check a topology: types, ranges, unknown keys and combinations')
    .argument('[topology]', 'the topology (default: "topology.yaml")')
    .option('--questions <file>', 'also check that these questions fit: known tasks, gold answers')
    .option('--device', 'also look whether local models have a WebGPU adapter')
    .option('--reference', 'print what every key means, as Markdown, and check nothing')
    .option('--schema', 'print the JSON Schema, for editors, and check nothing')
    .option('--json', 'print {"ok", "problems"} as JSON');
  withExitCodes(withTopology(withReader(command)), {
    done: 'no errors (perhaps warnings)',
    failed: 'errors, which are printed',
    usage: 'the command line is wrong, or a file cannot be read',
  }).action(async (argument: string | undefined, flags: LintFlags) => {
    if (flags.reference === true || flags.schema === true) {
      const { referenceMarkdown, topologyJsonSchema } = await import('../topology/reference.ts');
      const text =
        flags.schema === true ? JSON.stringify(topologyJsonSchema(), null, 2) : referenceMarkdown();
      process.stdout.write(`${text}\n`);
      return;
    }
    const file = await topologyFile(argument, flags, 'swirl lint FILE');
    const { existsSync } = await import('node:fs');
    const [{ examineFile, withParts }, { formatProblems, hasErrors }] = await Promise.all([
      import('../topology/load.ts'),
      import('../topology/problem.ts'),
    ]);
    const adapter = flags.device === true ? { adapter: await adapterName() } : {};
    const context = { env: process.env, exists: existsSync, ...adapter };
    const examined = examineFile(file, { set: settingsOf(file, flags), context });
    const { topology, problems } = await withParts(examined);
    const fit = await fitOf(topology, flags);
    const ok = !hasErrors(problems) && (fit?.unfit ?? 0) === 0;
    process.exitCode = ok ? 0 : 1;
    if (flags.json === true) {
      process.stdout.write(`${JSON.stringify({ ok, problems, questions: fit })}\n`);
      return;
    }
    const said = problems.length > 0 ? [formatProblems(problems)] : [];
    if (fit !== null) said.push(...fit.examples, `${fit.unfit} of ${fit.questions} questions do not fit`);
    process.stdout.write(`${[...said, `${file}: ${summary(ok, problems)}`].join('\n')}\n`);
  });
}

/** The adapter's name; null where there is none, or no way to ask. */
async function adapterName(): Promise<string | null> {
  const [{ DeviceError }, { describeAdapter, findAdapter }] = await Promise.all([
    import('../errors.ts'),
    import('../device/adapter.ts'),
  ]);
  try {
    return describeAdapter(await findAdapter()).name;
  } catch (error) {
    if (error instanceof DeviceError) return null;
    throw error;
  }
}

function summary(ok: boolean, problems: readonly { readonly severity: string }[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  const counts = [plural(errors, 'error'), plural(warnings, 'warning')].join(', ');
  return ok && warnings === 0 ? 'fine' : counts;
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** Bad lines of the question file end the check with their own message. */
async function fitOf(topology: Topology | null, options: LintFlags): Promise<QuestionsFit | null> {
  if (options.questions === undefined || topology === null) return null;
  const [{ ConfigError }, { fileInput }, { questionsFit }] = await Promise.all([
    import('../errors.ts'),
    import('../input/input.ts'),
    import('../topology/questions-fit.ts'),
  ]);
  const input = fileInput(options.questions);
  // Worked solutions bear the questions of their problems.
  const flags = options.dataset === 'gsm8k-solutions' ? { ...options, dataset: 'gsm8k' } : options;
  const reader = await readerOf(flags, topology);
  try {
    if (reader.topic === 'trajectories') {
      throw new ConfigError(`--dataset ${options.dataset} reads trajectories; --questions needs questions`);
    }
    return await questionsFit(topology, reader.read(input, {}));
  } finally {
    await reader.close?.();
  }
}
