/** `swirl graph`: draws a topology, in the terminal or as Mermaid text. */
import type { Command } from 'commander';
import { withExitCodes } from './exit.ts';
import { settingsOf, type TopologyFlags, topologyFile, withTopology } from './topology-option.ts';

export function register(program: Command): void {
  const command = program
    .command('graph')
    .summary('draw a topology')
    .description('draw a topology: its stages, and the topics between them')
    .argument('[topology]', 'the topology (default: "topology.yaml")')
    .option('--mermaid', 'print a Mermaid flowchart')
    .option('--json', 'print stages, inputs and outputs as JSON')
    .option('--ascii', 'draw without box-drawing characters');
  withExitCodes(withTopology(command), { failed: 'the topology has errors; what can be drawn is' }).action(
    async (argument: string | undefined, flags: GraphFlags) => {
      const file = await topologyFile(argument, flags, 'swirl graph FILE');
      const [{ examineFile }, { formatProblems, hasErrors }, { topologyGraph }] = await Promise.all([
        import('../topology/load.ts'),
        import('../topology/problem.ts'),
        import('../topology/graph.ts'),
      ]);
      const { topology, problems } = examineFile(file, { set: settingsOf(file, flags) });
      // A drawing helps to see what is wrong with a combination, so only an unreadable shape stops it.
      if (hasErrors(problems)) process.stderr.write(`${formatProblems(problems)}\n`);
      process.exitCode = hasErrors(problems) ? 1 : 0;
      if (topology === null) return;
      const graph = topologyGraph(topology);
      if (flags.json === true) {
        process.stdout.write(`${JSON.stringify(graph)}\n`);
      } else if (flags.mermaid === true) {
        const { mermaid } = await import('../topology/mermaid.ts');
        process.stdout.write(mermaid(graph));
      } else {
        const { drawGraph } = await import('../topology/draw.ts');
        const unicode = flags.ascii !== true && showsUnicode(process.env);
        process.stdout.write(`${drawGraph(graph, { width: process.stdout.columns ?? 80, unicode })}\n`);
      }
    },
  );
}

interface GraphFlags extends TopologyFlags {
  readonly mermaid?: boolean;
  readonly json?: boolean;
  readonly ascii?: boolean;
}

/** Whether the locale says UTF-8: the first of these that is set decides (POSIX). */
function showsUnicode(env: Readonly<Record<string, string | undefined>>): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return /utf-?8/i.test(locale) || (process.platform === 'win32' && env.WT_SESSION !== undefined);
}
