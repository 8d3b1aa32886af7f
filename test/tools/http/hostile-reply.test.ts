/** Replies that are made to break what reads them, and arguments that are. */
import { expect, test } from '@jest/globals';
import { httpConfig } from '../../../src/tools/http/http-config.ts';
import { makeHttpTool } from '../../../src/tools/http/http-tool.ts';
import { readReply } from '../../../src/tools/http/reply.ts';
import { fillUrl } from '../../../src/tools/http/slots.ts';
import { startAnyServer } from './any-server.ts';

const read = (text: string, pointer: string | null, contentType = 'application/json') =>
  readReply({ bytes: Buffer.from(text), whole: true }, { pointer, maxBytes: 1_000_000, contentType });

test('JSON that is nested without end is refused, and read past where it is not asked for', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  expect(read(`{"a":${deep}}`, '/a')).toEqual({ problem: 'the reply is nested too deeply to be shown.' });
  expect(read(`{"a":${deep},"b":3}`, '/b')).toEqual({ text: '3' });
});

test('a type without end is cut; an empty reply is named', () => {
  const shown = `${'x'.repeat(95)} [...]`;
  const type = 'x'.repeat(9000);
  const expected = 'expected a reply in JSON, found';
  expect(read('x', '/a', `text/${type}`)).toEqual({ problem: `${expected} text/${shown}.` });
  expect(read('x', null, `kind/${type}`)).toEqual({
    problem: `the reply is no text but kind/${shown}, 1 bytes.`,
  });
  expect(read('', '/a')).toEqual({ problem: `${expected} nothing.` });
});

test('half of a character is replaced on its way into the address', () => {
  const given = { text: '', arguments: { city: '\ud800' } };
  expect(fillUrl('http://a.example/{{argument.city}}', given)).toBe('http://a.example/%EF%BF%BD');
});

test.each([
  ['a type', 200, { 'content-type': 'image/very-secret' }],
  ['an address', 307, { location: 'http://very-secret.example/' }],
])('no secret comes back in %s', async (_, status, headers) => {
  const server = await startAnyServer((response) => response.writeHead(status, headers).end());
  try {
    const notes: string[] = [];
    const config = httpConfig.parse({ tag: 'it', tokenEnv: 'TOKEN', url: `${server.url}/{{argument}}` });
    const deps = { notify: (note: string) => void notes.push(note), sleep: async () => {} };
    const tool = await makeHttpTool('it', config, { env: { TOKEN: 'very-secret' }, ...deps });
    const observation = await tool.call('hello', { signal: new AbortController().signal });
    expect([observation.status, notes.length]).toEqual(['REFUSED', 1]);
    expect(observation.text + notes.join()).not.toContain('very-secret');
  } finally {
    await server.close();
  }
});
