/** Where the thread of `render-thread.ts` begins: it opens the folder, and renders what it is given. */
import { parentPort, workerData } from 'node:worker_threads';
import { SwirlError } from '../errors.ts';
import { openLanguage } from './language.ts';
import type { RenderAnswer, RenderFolder, RenderRequest } from './render-thread.ts';

const { path, settings } = workerData as RenderFolder;
const renderer = (await openLanguage(path, settings)).renderer();

function answer(message: RenderAnswer, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

parentPort?.on('message', ({ messages, open }: RenderRequest) => {
  try {
    const rendered = renderer.render(messages, { open });
    const ids = Int32Array.from(rendered.ids);
    answer({ kind: 'rendered', ids, spans: rendered.spans }, [ids.buffer]);
  } catch (error) {
    if (!(error instanceof SwirlError)) throw error;
    answer({ kind: 'refused', message: error.message });
  }
});
answer({ kind: 'ready' });
