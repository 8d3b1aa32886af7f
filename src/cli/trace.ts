/** `swirl trace`: what came of a record, and what an update came from. */
import type { Command } from 'commander';
import { withExitCodes } from './exit.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

interface TraceFlags extends TopologyFlags {
  readonly json?: boolean;
  readonly graph?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('trace')
    .summary('follow a record to the updates it was in, and back')
    .description(
      "from a question, trajectory or step to every record that came of it and the updates that were made of it; from an update to its batch's records, verdicts and rewards",
    )
    .argument('<id>', 'such as q17, q17/2, q17/2/0, update/12, or the id of a failure')
    .option('--json', 'print places and records as one JSON object')
    .option('--graph', 'print a Mermaid flowchart');
  withExitCodes(withTopology(command)).action(async (id: string, flags: TraceFlags) => {
    const [{ openChain }, { trace }, { traceUpdate }, texts, { interrupts }] = await Promise.all([
      import('../lineage/run-chain.ts'),
      import('../lineage/trace.ts'),
      import('../lineage/updates-of.ts'),
      import('./trace-text.ts'),
      import('./interrupt.ts'),
    ]);
    const notify = (message: string) => void process.stderr.write(`${message}\n`);
    const chain = await openChain(await topologyOf(flags, { begun: true }), { notify });
    const { stop: signal, release } = interrupts(() => {});
    const print = (text: string) => process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
    try {
      if (id.startsWith('update/')) {
        const found = await traceUpdate(chain, id, { signal });
        if (flags.json === true) print(JSON.stringify(found, bytesAsText));
        else print(flags.graph === true ? texts.updateGraph(found) : texts.updateText(found));
        return;
      }
      const found = await trace(chain, id, { signal });
      if (flags.json === true) print(JSON.stringify(found, bytesAsText));
      else print(flags.graph === true ? texts.traceGraph(found) : texts.traceText(found));
      const { closeAndIndex } = await import('./index-keys.ts');
      await closeAndIndex(chain, signal);
    } finally {
      release();
      await chain.close();
    }
  });
}

/** Bytes (of a record that could not be decoded) as base64. */
function bytesAsText(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  // The value is what a Buffer makes of itself by then.
  const bytes = this[key];
  return bytes instanceof Uint8Array ? Buffer.from(bytes).toString('base64') : value;
}
