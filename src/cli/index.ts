/** `swirl index`: builds the search tool's index of a corpus ahead of a run. */
import type { Command } from 'commander';
import { count, counted } from './count.ts';
import { EXIT, withExitCodes } from './exit.ts';
import { interrupts } from './interrupt.ts';

interface IndexFlags {
  readonly titleWeight: number;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('index')
    .summary('build the index of a search corpus')
    .description(
      'build the index of a search corpus (`index: disk` of a tool of kind search) ahead of the run that would build it',
    )
    .argument('<corpus...>', 'JSON lines of {"title", "text"}, plain, gzip or Zstandard')
    .option('--title-weight <n>', "how often the words of a title count, as the tool's titleWeight", count, 1)
    .option('--json', 'print what was done as one JSON object a line');
  withExitCodes(command, { interrupted: 'interrupted; the same command goes on from there' }).action(
    async (files: string[], flags: IndexFlags) => {
      process.exitCode = await index(files, flags);
    },
  );
}

async function index(files: readonly string[], { titleWeight, json }: IndexFlags): Promise<number> {
  const { openIndex } = await import('../tools/search/open-index.ts');
  const { indexNotes } = await import('../tools/search/index-notes.ts');
  const say = (message: string) => process.stderr.write(`${message}\n`);
  const { stop, release } = interrupts(say, 'stopping; what is indexed is kept');
  const now = () => performance.now();
  try {
    for (const path of files) {
      const from = now();
      const notes = indexNotes(path, say, now);
      let isBuilt = false;
      const opened = await openIndex({
        ...{ path, titleWeight, cacheBytes: 0, signal: stop, onWait: notes.onWait },
        onProgress: (progress) => {
          isBuilt = true;
          notes.onProgress(progress);
        },
      });
      const { size: articles, bytes } = opened;
      await opened.close();
      const seconds = (now() - from) / 1000;
      const size = `${(bytes / 2 ** 20).toFixed(1)} MiB in ${path}.index`;
      const done = isBuilt ? `indexed in ${seconds.toFixed(1)} s` : 'the index is there already';
      process.stdout.write(
        json === true
          ? `${JSON.stringify({ corpus: path, articles, bytes, built: isBuilt, seconds })}\n`
          : `${path}: ${counted(articles, 'article')}, ${size}; ${done}\n`,
      );
    }
    return EXIT.done;
  } catch (error) {
    if (!stop.aborted) throw error;
    say('swirl: interrupted; the same command goes on from there');
    return EXIT.interrupted;
  } finally {
    release();
  }
}
