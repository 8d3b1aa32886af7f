import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { ConfigError, TransportError } from '../../../src/errors.ts';
import { runProgram } from '../../../src/topics/kafka/run-program.ts';
import type { KafkaSasl, SecurityDeps } from '../../../src/topics/kafka/security.ts';
import { kafkaSecurityConfig, SECURITY_FILES, securityOf } from '../../../src/topics/kafka/security.ts';
import { type Certificates, hasOpenssl, makeCertificates, PASSPHRASE } from './certificates.ts';

const password = 'tulips & windmills';
const deps: SecurityDeps = {
  env: { KAFKA_USER: 'ada', KAFKA_PASSWORD: password, EMPTY: '' },
  readFile: readFileSync,
  runProgram,
  now: () => 0,
};
const folder = mkdtempSync(join(tmpdir(), 'swirl-security-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function security(config: object, more: Partial<SecurityDeps> = {}) {
  return securityOf(kafkaSecurityConfig.parse(config), { ...deps, ...more });
}

describe('SASL with a password', () => {
  test.each(['plain', 'scram-sha-256', 'scram-sha-512'])(
    '%s takes names and passwords from variables and files',
    (mechanism) => {
      const expected = { mechanism, username: 'ada', password };
      expect(
        security({ sasl: { mechanism, usernameEnv: 'KAFKA_USER', passwordEnv: 'KAFKA_PASSWORD' } }),
      ).toEqual({ sasl: expected });
      const usernameFile = file('user', 'ada\n');
      const passwordFile = file('password', `${password}\r\n`);
      expect(security({ sasl: { mechanism, usernameFile, passwordFile } })).toEqual({ sasl: expected });
    },
  );

  test.each([
    [
      'a variable that is not set',
      { passwordEnv: 'NOT_SET' },
      /sasl\.passwordEnv names the variable NOT_SET, which is not set/,
    ],
    ['an empty variable', { passwordEnv: 'EMPTY' }, /EMPTY, which is not set/],
    [
      'a file that is not there',
      { passwordFile: '/nowhere/pw' },
      /sasl\.passwordFile names \/nowhere\/pw: .*ENOENT/,
    ],
    ['an empty file', { passwordFile: file('empty', '\n') }, /which is empty/],
  ])('%s is a ConfigError that names it', (_, place, message) => {
    const attempt = () => security({ sasl: { mechanism: 'plain', usernameEnv: 'KAFKA_USER', ...place } });
    expect(attempt).toThrow(ConfigError);
    expect(attempt).toThrow(message);
  });

  test.each([
    [{ mechanism: 'plain', usernameEnv: 'U' }, /either passwordEnv or passwordFile/],
    [
      { mechanism: 'plain', usernameEnv: 'U', passwordEnv: 'P', passwordFile: 'f' },
      /either passwordEnv or passwordFile/,
    ],
    [{ mechanism: 'plain', usernameEnv: 'U', password: 'hunter2' }, /Unrecognized key/],
    [{ mechanism: 'plain', usernameEnv: 'U', passwordEnv: 'hunter 2' }, /never the secret itself/],
    [{ mechanism: 'gssapi' }, /mechanism/],
    [{ mechanism: 'oauthbearer' }, /either command/],
    [{ mechanism: 'oauthbearer', command: ['x'], tokenFile: 'f' }, /either command/],
  ])('settings that do not go together are refused: %j', (sasl, message) => {
    expect(kafkaSecurityConfig.safeParse({ sasl }).error?.message).toMatch(message);
  });

  test('the configuration, written out with all its defaults, holds names only and reads back', () => {
    const config = kafkaSecurityConfig.parse({
      tls: { caFile: 'ca.pem' },
      sasl: { mechanism: 'scram-sha-512', usernameEnv: 'KAFKA_USER', passwordEnv: 'KAFKA_PASSWORD' },
    });
    const before = JSON.stringify(config);
    securityOf({ ...config, tls: null }, deps);
    expect(JSON.stringify(config)).toBe(before);
    expect(stringify(config)).not.toMatch(/ada|tulips/);
    expect(kafkaSecurityConfig.parse(config)).toEqual(config);
    expect(kafkaSecurityConfig.parse({})).toEqual({ tls: null, sasl: null });
  });

  test('every key that names a file is known as one', () => {
    const found = new Set<string>();
    const { sasl, tls } = kafkaSecurityConfig.shape;
    for (const key of Object.keys(tls.unwrap().unwrap().shape))
      if (key.endsWith('File')) found.add(`tls.${key}`);
    for (const option of sasl.unwrap().unwrap().options) {
      for (const key of Object.keys(option.shape)) if (key.endsWith('File')) found.add(`sasl.${key}`);
    }
    expect([...found].sort()).toEqual([...SECURITY_FILES].sort());
  });
});

describe('OAUTHBEARER', () => {
  const jwt = (claims: object, id = '') =>
    `${['{"alg":"none"}', JSON.stringify(claims)].map((part) => Buffer.from(part).toString('base64url')).join('.')}.${id}`;
  const ask = ({ sasl }: { sasl?: KafkaSasl }) => {
    if (sasl?.mechanism !== 'oauthbearer') throw new Error('expected OAUTHBEARER');
    return sasl.oauthBearerProvider();
  };

  test('a program of the user prints the token', async () => {
    const command = [process.execPath, '-e', 'console.log("tok." + process.argv[1])', 'en~1'];
    expect(await ask(security({ sasl: { mechanism: 'oauthbearer', command } }))).toEqual({
      value: 'tok.en~1',
    });
  });

  test('a token is used again until shortly before its end, and one call serves all who ask at once', async () => {
    let now = 1_000_000;
    let calls = 0;
    const options = security(
      { sasl: { mechanism: 'oauthbearer', command: ['token'] } },
      { now: () => now, runProgram: async () => jwt({ exp: now / 1000 + 300 }, String(++calls)) },
    );
    const first = await Promise.all([ask(options), ask(options), ask(options)]);
    expect(calls).toBe(1);
    now += 269_000;
    expect(await ask(options)).toEqual(first[0]);
    now += 2_000;
    expect(await ask(options)).not.toEqual(first[0]);
    expect(calls).toBe(2);
  });

  test('a token that does not say when it ends is asked for each time, and a file is read anew', async () => {
    const tokenFile = file('token', 'one\n');
    const options = security({ sasl: { mechanism: 'oauthbearer', tokenFile } });
    expect(await ask(options)).toEqual({ value: 'one' });
    writeFileSync(tokenFile, 'two');
    expect(await ask(options)).toEqual({ value: 'two' });
  });

  test.each([
    ['prints nothing', 'process.exit(0)', {}, /expected one token and nothing else .* found nothing/],
    ['prints more than a token', 'console.log("my secret-token")', {}, /found 15 characters that are none/],
    [
      'fails',
      'console.log("secret-token"); console.error("secret-token"); process.exit(3)',
      {},
      /ended with the code 3/,
    ],
    ['hangs', 'setInterval(() => {}, 1000)', { timeoutMs: 300 }, /did not end in time/],
    [
      'prints without end',
      'setInterval(() => console.log("secret-token".repeat(9999)), 0)',
      {},
      /gave no token/,
    ],
  ])('a program that %s: a retryable TransportError without its output', async (_, script, more, message) => {
    const options = security({
      sasl: { mechanism: 'oauthbearer', command: [process.execPath, '-e', script], ...more },
    });
    const error = await ask(options).then(
      () => new Error('expected a rejection'),
      (reason: unknown) => reason as TransportError,
    );
    expect(error).toBeInstanceOf(TransportError);
    expect((error as TransportError).retryable).toBe(true);
    expect(error.message).toMatch(message);
    expect(`${error.stack} ${String(error.cause)}`).not.toContain('secret-token');
    // It is asked again by the next connection.
    await expect(ask(options)).rejects.toThrow(message);
  });

  test('a program that is not there is named', async () => {
    const options = security({ sasl: { mechanism: 'oauthbearer', command: ['/nowhere/get-token'] } });
    await expect(ask(options)).rejects.toThrow(/the program \/nowhere\/get-token gave no token: ENOENT/);
  });
});

(hasOpenssl ? describe : describe.skip)(`TLS${hasOpenssl ? '' : ' (skipped: there is no openssl)'}`, () => {
  let made: Certificates;
  beforeAll(() => {
    made = makeCertificates(folder);
  });

  test('takes its files, and trusts nobody without a certificate by default', () => {
    const { ssl } = security(
      {
        tls: {
          caFile: made.ca,
          certFile: made.clientCert,
          keyFile: made.lockedKey,
          passphraseEnv: 'PHRASE',
          servername: 'kafka',
        },
      },
      { env: { PHRASE: PASSPHRASE } },
    );
    expect(ssl).toEqual({
      ca: readFileSync(made.ca, 'utf8'),
      cert: readFileSync(made.clientCert, 'utf8'),
      key: readFileSync(made.lockedKey, 'utf8'),
      passphrase: PASSPHRASE,
      servername: 'kafka',
      rejectUnauthorized: true,
    });
    expect(security({ tls: {} })).toEqual({ ssl: { rejectUnauthorized: true } });
  });

  test('files that are no PEM, do not belong together or cannot be opened are ConfigErrors that quote nothing', () => {
    const cases: [object, RegExp][] = [
      [
        { caFile: file('no.pem', 'hello') },
        /tls\.caFile names .*no\.pem: expected a PEM file with a "BEGIN CERTIFICATE" line/,
      ],
      [{ caFile: made.clientKey }, /expected a PEM file with a "BEGIN CERTIFICATE" line/],
      [
        { certFile: made.clientCert, keyFile: made.brokerKey },
        /do not go together: .*Is the key the certificate's/,
      ],
      [{ certFile: made.clientCert, keyFile: made.lockedKey, passphraseEnv: 'WRONG' }, /do not go together/],
      [{ certFile: made.clientCert, keyFile: made.lockedKey }, /do not go together/],
      [
        { certFile: made.clientCert, keyFile: join(folder, 'nowhere.key') },
        /tls\.keyFile names .*nowhere\.key: .*ENOENT/,
      ],
    ];
    for (const [tls, message] of cases) {
      const attempt = () => security({ tls }, { env: { WRONG: 'rosebud' } });
      expect(attempt).toThrow(ConfigError);
      expect(attempt).toThrow(message);
      expect(attempt).not.toThrow(/rosebud|PRIVATE KEY-----\n/);
    }
    expect(kafkaSecurityConfig.safeParse({ tls: { certFile: 'a' } }).error?.message).toMatch(/together/);
  });
});
