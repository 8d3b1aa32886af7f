import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import { ConfigError } from '../../../src/errors.ts';
import { httpConfig } from '../../../src/tools/http/http-config.ts';
import { type HttpTool, makeHttpTool } from '../../../src/tools/http/http-tool.ts';
import { type AnyServer, json, type Seen, startAnyServer } from './any-server.ts';

let server: AnyServer | undefined;
let notes: string[] = [];
let waited: number[] = [];
afterEach(async () => {
  await server?.close();
  [server, notes, waited] = [undefined, [], []];
});

const { signal } = new AbortController();
const deps = {
  env: { TOKEN: 'very-secret' },
  notify: (note: string) => {
    notes.push(note);
  },
  sleep: async (ms: number) => {
    waited.push(ms);
  },
};

/** A tool over a server that answers so; `url` is a path below it. */
async function toolOver(
  answer: (response: ServerResponse, seen: Seen, index: number) => unknown,
  settings: Record<string, unknown> = {},
): Promise<HttpTool> {
  server = await startAnyServer(answer);
  const { url = '/', ...rest } = settings;
  return makeHttpTool('it', httpConfig.parse({ tag: 'it', url: `${server.url}${url}`, ...rest }), deps);
}

async function ask(tool: HttpTool, argument = 'hello'): Promise<[string, string]> {
  const { status, text, tool: name } = await tool.call(argument, { signal });
  expect(name).toBe('it');
  return [status, text];
}

const text = { 'content-type': 'text/plain; charset=utf-8' };
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a city.',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer' }, wind: { type: 'boolean' } },
      required: ['city', 'days'],
    },
  },
};

describe('what is sent', () => {
  test('the text as it is written, in a JSON body, with headers from the environment', async () => {
    const tool = await toolOver((response) => json(response, 'fine'), {
      body: { query: '{{argument}}', fixed: [1, 'for {{argument}}.'] },
      tokenEnv: 'TOKEN',
      headersEnv: { 'X-Key': 'TOKEN' },
      headers: { 'X-Plain': 'yes' },
    });
    expect(await ask(tool, 'a "b" {{argument}}\n')).toEqual(['OK', '"fine"']);
    expect(server?.seen).toMatchObject([
      {
        method: 'POST',
        url: '/',
        headers: {
          'content-type': 'application/json',
          authorization: 'Bearer very-secret',
          'x-key': 'very-secret',
          'x-plain': 'yes',
        },
        body: JSON.stringify({
          query: 'a "b" {{argument}}\n',
          fixed: [1, 'for a "b" {{argument}}\n.'],
        }),
      },
    ]);
  });

  test('arguments of a function schema, checked, each in its place', async () => {
    const tool = await toolOver((response) => json(response, { days: [{ text: 'rain' }] }), {
      url: '/of/{{argument.city}}?days={{argument.days}}&wind={{argument.wind}}&x=1',
      method: 'PUT',
      body: { all: '{{arguments}}', days: '{{argument.days}}', wind: '{{argument.wind}}' },
      function: weather,
      pointer: '/days/0/text',
    });
    expect(await ask(tool, '{"city": "São/Paulo?&#", "days": 2}')).toEqual(['OK', 'rain']);
    expect(await ask(tool, 'São Paulo')).toEqual([
      'REFUSED',
      'Refused: the argument is not JSON: expected JSON such as {"city":"some text","days":1}.',
    ]);
    expect(await ask(tool, '{"city": "Rio", "days": "2"}')).toEqual([
      'REFUSED',
      'Refused: the argument does not fit: days must be integer (whole number); expected JSON such as {"city":"some text","days":1}.',
    ]);
    expect(server?.seen.map(({ method, url, body }) => [method, url, JSON.parse(body)])).toEqual([
      [
        'PUT',
        '/of/S%C3%A3o%2FPaulo%3F%26%23?days=2&x=1',
        { all: { city: 'São/Paulo?&#', days: 2 }, days: 2 },
      ],
    ]);
    expect(await tool.describe()).toEqual({
      description: 'The weather of a city.',
      parameters: weather.function.parameters,
      example: '{"city":"some text","days":1}',
    });
  });

  test.each([
    '..',
    '.',
    '%2e%2e',
    '../admin',
    '//evil.example',
    '\\\\evil.example',
    '@evil.example',
    'a\n\tb',
    '\ud800',
  ])('%j never leaves its place in the path', async (argument) => {
    const tool = await toolOver((response, { url }) => json(response, url), {
      url: '/public/{{argument}}/page?q={{argument}}',
    });
    const [status] = await ask(tool, argument);
    if (argument === '..' || argument === '.') {
      expect(status).toBe('REFUSED');
      expect(server?.seen).toEqual([]);
      return;
    }
    const encoded = encodeURIComponent(argument.toWellFormed());
    expect(server?.seen.map(({ url }) => url)).toEqual([`/public/${encoded}/page?q=${encoded}`]);
  });
});

describe('what comes back', () => {
  const reply = { a: [{ 'b/c': 'deep' }, null, 5, ''], '': { '~': true } };
  test.each([
    ['/a/0/b~1c', ['OK', 'deep']],
    ['/a/2', ['OK', '5']],
    ['/a/1', ['OK', 'Nothing was found.']],
    ['/a/3', ['OK', 'Nothing was found.']],
    ['//~0', ['OK', 'true']],
    ['/a/0', ['OK', '{"b/c":"deep"}']],
    ['', ['OK', JSON.stringify(reply)]],
    ['/a/9', ['REFUSED', 'Refused: the reply has nothing at /a/9.']],
    ['/__proto__', ['REFUSED', 'Refused: the reply has nothing at /__proto__.']],
  ])('the pointer %j', async (pointer, expected) => {
    const tool = await toolOver((response) => json(response, reply), { pointer, body: '{{argument}}' });
    expect(await ask(tool)).toEqual(expected);
  });

  test('text in its own encoding; long text is cut between characters', async () => {
    const tool = await toolOver(
      (response) =>
        response
          .writeHead(200, { 'content-type': 'text/plain; charset=ISO-8859-1' })
          .end(Buffer.from([0xe9])),
      { url: '/{{argument}}' },
    );
    expect(await ask(tool)).toEqual(['OK', 'é']);
    await server?.close();
    const long = await toolOver((response) => response.writeHead(200, text).end('😀'.repeat(9)), {
      url: '/{{argument}}',
      maxChars: 5,
    });
    expect(await ask(long)).toEqual(['OK', '😀😀 [...]']);
  });

  test('no secret comes back in a result or a refusal', async () => {
    const tool = await toolOver(
      (response, { headers }, index) =>
        json(response, { echo: headers.authorization }, index === 0 ? 200 : 418),
      { tokenEnv: 'TOKEN', url: '/{{argument}}' },
    );
    expect(await ask(tool)).toEqual(['OK', '{"echo":"Bearer [secret]"}']);
    expect(await ask(tool)).toEqual([
      'REFUSED',
      'Refused: the endpoint answered with status 418: {"echo":"Bearer [secret]"}',
    ]);
    expect(notes.join()).not.toContain('very-secret');
  });
});

describe('faults are observations, and told once', () => {
  test.each<[string, (response: ServerResponse) => unknown, [string, string], string]>([
    [
      '404',
      (r) => r.writeHead(404, text).end('no such city'),
      ['REFUSED', 'Refused: the endpoint answered with status 404: no such city'],
      'status 404: no such city',
    ],
    [
      '401',
      (r) => r.writeHead(401).end(),
      ['REFUSED', 'Refused: the endpoint answered with status 401.'],
      'status 401',
    ],
    [
      'a page',
      (r) => r.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>'),
      ['REFUSED', 'Refused: expected a reply in JSON, found text/html.'],
      'a reply without a result',
    ],
    [
      'half of the JSON',
      (r) => r.writeHead(200, { 'content-type': 'application/json' }).end('{"a": '),
      ['REFUSED', 'Refused: expected a reply in JSON, found broken JSON.'],
      'a reply without a result',
    ],
    [
      'huge',
      (r) => r.writeHead(200, text).end('x'.repeat(5000)),
      ['REFUSED', 'Refused: the reply is larger than 2048 bytes.'],
      'a reply without a result',
    ],
    [
      'a compressed bomb',
      (r) => r.writeHead(200, { ...text, 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(10_000_000))),
      ['REFUSED', 'Refused: the reply is larger than 2048 bytes.'],
      'a reply without a result',
    ],
    [
      'broken off',
      (r) => r.writeHead(200, { ...text, 'content-length': '100' }).write('half', () => r.destroy()),
      ['REFUSED', 'Refused: the tool could not be reached.'],
      'the endpoint could not be asked',
    ],
    [
      'closed',
      (r) => r.destroy(),
      ['REFUSED', 'Refused: the tool could not be reached.'],
      'the endpoint could not be asked',
    ],
    [
      'elsewhere',
      (r) => r.writeHead(302, { location: 'http://169.254.169.254/secrets' }).end(),
      ['REFUSED', 'Refused: the endpoint sends elsewhere, which is not followed.'],
      'a redirect that is not followed',
    ],
    [
      'a POST that would become a GET',
      (r) => r.writeHead(302, { location: '/again' }).end(),
      ['REFUSED', 'Refused: the endpoint sends elsewhere, which is not followed.'],
      'a redirect that is not followed',
    ],
    [
      'a circle',
      (r) => r.writeHead(307, { location: '/' }).end(),
      ['REFUSED', 'Refused: the endpoint sends elsewhere, which is not followed.'],
      'a redirect that is not followed',
    ],
  ])('%s', async (_, answer, expected, note) => {
    const tool = await toolOver(answer, {
      body: '{{argument}}',
      pointer: '/a',
      maxBytes: 2048,
      retry: { attempts: 2 },
    });
    expect(await ask(tool)).toEqual(expected);
    expect(await ask(tool)).toEqual(expected);
    expect(notes).toEqual([expect.stringContaining(`tools.it: ${note}`)]);
    expect(notes[0]).toMatch(/\. The policy is shown it as an observation; this is said once\.$/);
  });

  test('an image is named and not shown', async () => {
    const tool = await toolOver(
      (response) => response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.alloc(10)),
      { url: '/{{argument}}' },
    );
    expect(await ask(tool)).toEqual(['REFUSED', 'Refused: the reply is no text but image/png, 10 bytes.']);
  });

  test.each(['nothing', 'a beginning'])('an endpoint that hangs after %s', async (after) => {
    const tool = await toolOver(
      (response) => {
        if (after === 'a beginning') response.writeHead(200, text).write('some');
      },
      { body: '{{argument}}', timeoutMs: 50 },
    );
    expect(await ask(tool)).toEqual(['TIMED_OUT', 'it did not answer in 50 ms.']);
  });

  test('an endpoint that is down', async () => {
    const tool = await toolOver(() => {}, { body: '{{argument}}', retry: { attempts: 3, backoffMs: 10 } });
    await server?.close();
    expect(await ask(tool)).toEqual(['REFUSED', 'Refused: the tool could not be reached.']);
    expect(waited).toEqual([10, 20]);
    expect(notes[0]).toMatch(/expected a reply, found .*ECONNREFUSED/);
  });
});

describe('retries', () => {
  test('429 and 5xx are tried again, as long as the endpoint asks for, and then shown', async () => {
    const tool = await toolOver(
      (response, _, index) => {
        if (index === 0) response.writeHead(429, { 'retry-after': '2' }).end();
        else if (index === 1) response.writeHead(503).end();
        else json(response, 'late');
      },
      { body: '{{argument}}', retry: { attempts: 3, backoffMs: 10 } },
    );
    expect(await ask(tool)).toEqual(['OK', '"late"']);
    expect(waited).toEqual([2000, 20]);
    await server?.close();
    const down = await toolOver((response) => response.writeHead(500, text).end('sorry'), {
      body: '{{argument}}',
      retry: { attempts: 2 },
    });
    expect(await ask(down)).toEqual(['REFUSED', 'Refused: the endpoint answered with status 500: sorry']);
    expect(server?.seen.length).toBe(2);
  });

  test('what was refused for good is not tried again', async () => {
    const tool = await toolOver((response) => response.writeHead(400).end(), { body: '{{argument}}' });
    await ask(tool);
    expect([server?.seen.length, waited]).toEqual([1, []]);
  });

  test('redirects within the origin are followed, with method and body', async () => {
    const tool = await toolOver(
      (response, { url, body }) => {
        if (url === '/') response.writeHead(308, { location: '/moved' }).end();
        else json(response, body);
      },
      { body: '{{argument}}' },
    );
    expect(await ask(tool)).toEqual(['OK', JSON.stringify('"hello"')]);
  });
});

test('a run that ends takes its calls with it', async () => {
  const end = new AbortController();
  const tool = await toolOver(() => end.abort(new Error('the end')), { body: '{{argument}}' });
  await expect(tool.call('x', { signal: end.signal })).rejects.toThrow('the end');
});

test('a secret that is not set stops the run at the start; describing the tool needs none', async () => {
  const config = httpConfig.parse({ tag: 'it', url: 'https://x.example/{{argument}}', tokenEnv: 'MISSING' });
  const tool = await makeHttpTool('it', config, deps);
  expect((await tool.describe()).example).toBe('some text');
  await expect(tool.open(signal)).rejects.toThrow(
    new ConfigError('tools.it.tokenEnv names the variable MISSING, which is not set'),
  );
});

test('an argument that is tried at the start', async () => {
  const tool = await toolOver((response) => response.writeHead(401, text).end('no key'), {
    url: '/{{argument}}',
    check: 'Oslo',
  });
  await expect(tool.open(signal)).rejects.toThrow(
    new ConfigError('tools.it.check: "Oslo": Refused: the endpoint answered with status 401: no key'),
  );
});

test.each([
  [{ url: 'https://{{argument}}.example/' }, 'the argument has no place in the host'],
  [{ url: 'https://x.example/{{query}}' }, '{{query}}: expected {{argument}}'],
  [{ url: 'https://u:p@x.example/{{argument}}' }, 'without user name and password'],
  [{ url: 'https://x.example/{{argument}}#a' }, 'without a fragment'],
  [{ url: 'https://x.example/a b/{{argument}}' }, 'write the path as it is sent: https://x.example/a%20b/x'],
  [{ url: 'https://x.example/a/../{{argument}}' }, 'write the path as it is sent'],
  [{ url: 'ftp://x.example/{{argument}}' }, 'expected an http or https URL'],
  [{ url: '/{{argument}}' }, 'expected an http or https URL'],
  [{ url: 'https://x.example/', body: { a: ['{{b}}'] } }, 'expected {{argument}}'],
  [{ url: 'https://x.example/', pointer: 'a/b' }, 'expected a JSON pointer'],
  [{ url: 'https://x.example/', tokenEnv: 'not a name' }, 'expected the name of an environment variable'],
  [{ url: 'https://x.example/', function: { type: 'function' } }, 'expected {type: function'],
])('the settings %j are refused', (settings, message) => {
  const { success, error } = httpConfig.safeParse({ tag: 'it', ...settings });
  expect(success).toBe(false);
  expect(error?.message).toContain(message);
});

test.each([
  [{ url: 'https://x.example/' }, 'nothing of the argument is sent'],
  [{ url: 'https://x.example/{{argument.city}}' }, 'stands for no argument: the tool has no `function`'],
  [{ url: 'https://x.example/{{argument.town}}', function: weather }, 'declared are city, days, wind'],
  [
    { url: 'https://x.example/{{argument}}', function: '/nowhere.json' },
    '/nowhere.json: expected a JSON file',
  ],
])('a tool with %j is not made', async (settings, message) => {
  const made = makeHttpTool('it', httpConfig.parse({ tag: 'it', ...settings }), deps);
  await expect(made).rejects.toThrow(ConfigError);
  await expect(made).rejects.toThrow(message);
});
