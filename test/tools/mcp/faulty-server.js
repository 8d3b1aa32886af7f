/**
 * An MCP server on standard input and output, written to the protocol without an SDK, that breaks as its
 * tools are called. Its arguments say how it begins: `die`, `mute`, `no-handshake`, or the path of a file
 * that counts its starts.
 */
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [how = '', file = ''] = process.argv.slice(2);
if (file !== '') appendFileSync(file, `${process.pid}\n`);
console.error('this is the faulty server');
console.log('a line that is not of the protocol');
console.log('{"level": "info", "message": "nor is this"}');
if (how === 'die') {
  console.error('cannot find my database');
  process.exit(3);
}

const text = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] };
const names = [
  'echo',
  'die',
  'hang',
  'huge',
  'error',
  'refuse',
  'image',
  'nonsense',
  'empty',
  'structured',
  'child',
  'env',
  'leak',
  'leak-and-die',
  'fall-silent',
];
const tools = names.map((name) => ({ name, description: `Does ${name}.`, inputSchema: text }));

/** @param {unknown} message */
const say = (message) => console.log(JSON.stringify(message));
/** @param {unknown[]} content @param {object} [more] */
const result = (content, more) => ({ content, ...more });
/** @param {string} words */
const words = (words) => ({ type: 'text', text: words });

/** @param {string} name @param {{ text: string }} given @returns {object | null} */
function called(name, given) {
  switch (name) {
    case 'echo':
      return result([words(given.text)]);
    case 'die':
      console.error('a fault of mine');
      process.exit(1);
      break;
    case 'huge':
      return result([words('x'.repeat(100_000))]);
    case 'refuse':
      return result([words('there is no such city')], { isError: true });
    case 'image':
      return result([
        words('Look:'),
        { type: 'image', data: 'AAAA', mimeType: 'image/png' },
        { type: 'audio', data: 'AAA=', mimeType: 'audio/wav' },
        { type: 'resource_link', uri: 'file:///a.txt', name: 'a.txt' },
        { type: 'resource', resource: { uri: 'file:///b.txt', text: 'of b' } },
        { type: 'resource', resource: { uri: 'file:///c.bin', blob: 'AAAA', mimeType: 'application/zip' } },
      ]);
    case 'nonsense':
      return { content: 'not a list' };
    case 'empty':
      return result([]);
    case 'structured':
      return result([], { structuredContent: { rain: true } });
    case 'child': {
      // Ignores what it is told, as a stubborn program does, and outlives its parent.
      const stubborn = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)";
      const child = spawn(process.execPath, ['-e', stubborn], { stdio: 'inherit' });
      return result([words(String(child.pid))]);
    }
    case 'leak':
      return result([words(`the token ${process.env.LEAKED} has run out`)], { isError: true });
    case 'leak-and-die':
      console.error(`the token ${process.env.LEAKED} has run out`);
      process.exit(1);
      break;
    case 'fall-silent':
      process.stdout.end();
      // It goes on, and hears everything.
      setInterval(() => {}, 1000);
      break;
    case 'env':
      return result([words(JSON.stringify([process.env.GIVEN, process.env.KEPT, process.cwd()]))]);
  }
  return null;
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined || how === 'mute') return;
  if (method === 'initialize') {
    if (how === 'no-handshake') say({ jsonrpc: '2.0', id, error: { code: -32600, message: 'not with you' } });
    else
      say({
        jsonrpc: '2.0',
        id,
        result: {
          protocolVersion: params.protocolVersion,
          capabilities: { tools: {} },
          serverInfo: { name: 'faulty', version: '1.2.3' },
        },
      });
  } else if (method === 'tools/list') say({ jsonrpc: '2.0', id, result: { tools } });
  else if (method !== 'tools/call') say({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no' } });
  else if (params.name === 'error')
    say({ jsonrpc: '2.0', id, error: { code: -32603, message: 'something broke' } });
  else {
    const made = called(params.name, params.arguments);
    if (made !== null) say({ jsonrpc: '2.0', id, result: made });
  }
});
// A server ends when its input does; this one may be told not to.
if (how === 'stay') setInterval(() => {}, 1000);
