/** `fetch` for MCP over HTTP, which hangs up where a message is too large: the SDK reads whatever comes. */
import type { FetchLike } from '@modelcontextprotocol/client';

/**
 * `onTooLarge` is told before the stream breaks. Streams of events may go on for ever: there the limit is for
 * each event.
 */
export function boundedFetch(most: number, onTooLarge: () => void): FetchLike {
  return async (url, init) => {
    const response = await fetch(url, init);
    if (response.body === null) return response;
    const events = (response.headers.get('content-type') ?? '').startsWith('text/event-stream');
    const body = response.body.pipeThrough(limit(most, { events, onTooLarge }));
    const { status, statusText, headers } = response;
    return new Response(body, { status, statusText, headers });
  };
}

function limit(
  most: number,
  { events, onTooLarge }: { readonly events: boolean; readonly onTooLarge: () => void },
): TransformStream<Uint8Array, Uint8Array> {
  let size = 0;
  return new TransformStream({
    transform(chunk, controller) {
      const end = events ? Buffer.from(chunk).lastIndexOf('\n\n') : -1;
      size = end < 0 ? size + chunk.length : chunk.length - end;
      if (size <= most) {
        controller.enqueue(chunk);
        return;
      }
      onTooLarge();
      controller.error(new Error(`more than ${most} bytes`));
    },
  });
}
