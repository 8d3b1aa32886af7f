/** `swirl graph`: draws a topology, in the terminal or as Mermaid text. */
import type { Command } from 'commander';

export function register(program: Command): void {
  program
    .command('graph')
    .description('draw a topology')
    .argument('[file]', 'the topology', 'topology.yaml')
    .option('--mermaid', 'print a Mermaid flowchart')
    .option('--json', 'print stages, inputs and outputs as JSON')
    .option('--ascii', 'draw without box-drawing characters')
    .option('--set <path=value>', 'change a setting first (repeatable)', collect, [])
    .action(async (file: string, options: GraphArguments) => {
      const [{ examineFile }, { formatProblems, hasErrors }, { topologyGraph }] = await Promise.all([
        import('../topology/load.ts'),
        import('../topology/problem.ts'),
        import('../topology/graph.ts'),
      ]);
      const { topology, problems } = examineFile(file, { set: options.set });
      // A drawing helps to see what is wrong with a combination, so only an unreadable shape stops it.
      if (hasErrors(problems)) process.stderr.write(`${formatProblems(problems)}\n`);
      process.exitCode = hasErrors(problems) ? 1 : 0;
      if (topology === null) return;
      const graph = topologyGraph(topology);
      if (options.json === true) {
        process.stdout.write(`${JSON.stringify(graph)}\n`);
      } else if (options.mermaid === true) {
        const { mermaid } = await import('../topology/mermaid.ts');
        process.stdout.write(mermaid(graph));
      } else {
        const { drawGraph } = await import('../topology/draw.ts');
        const unicode = options.ascii !== true && showsUnicode(process.env);
        process.stdout.write(`${drawGraph(graph, { width: process.stdout.columns ?? 100, unicode })}\n`);
      }
    });
}

interface GraphArguments {
  readonly mermaid?: boolean;
  readonly json?: boolean;
  readonly ascii?: boolean;
  readonly set: readonly string[];
}

/** Whether the locale says UTF-8: the first of these that is set decides (POSIX). */
function showsUnicode(env: Readonly<Record<string, string | undefined>>): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return /utf-?8/i.test(locale) || (process.platform === 'win32' && env.WT_SESSION !== undefined);
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
