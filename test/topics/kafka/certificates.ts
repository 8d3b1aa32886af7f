/**
 * Certificates for tests, made with openssl: an authority, a broker's certificate for 127.0.0.1, a client's.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

export interface Certificates {
  /** PEM files. */
  readonly ca: string;
  readonly brokerCert: string;
  readonly brokerKey: string;
  readonly clientCert: string;
  readonly clientKey: string;
  /** The client's key behind a passphrase. */
  readonly lockedKey: string;
  /** Key and certificates in one file, as Kafka's PEM stores have them. */
  readonly brokerStore: string;
}

export const PASSPHRASE = 'open sesame';

/** Makes them in a folder; they are good for a day. */
export function makeCertificates(folder: string): Certificates {
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-days',
    '1',
    '-subj',
    '/CN=Test authority',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  );
  for (const [name, extension] of [
    ['broker', 'subjectAltName=IP:127.0.0.1,DNS:broker.test'],
    ['client', 'extendedKeyUsage=clientAuth'],
  ] as const) {
    writeFileSync(at(`${name}.ext`), `${extension}\n`);
    openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '1',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.pem`,
    );
  }
  openssl('pkcs8', '-topk8', '-in', 'client.key', '-passout', `pass:${PASSPHRASE}`, '-out', 'locked.key');
  writeFileSync(
    at('store.pem'),
    readFileSync(at('broker.key'), 'utf8') + readFileSync(at('broker.pem'), 'utf8'),
  );
  return {
    ca: at('ca.pem'),
    brokerCert: at('broker.pem'),
    brokerKey: at('broker.key'),
    clientCert: at('client.pem'),
    clientKey: at('client.key'),
    lockedKey: at('locked.key'),
    brokerStore: at('store.pem'),
  };
}
