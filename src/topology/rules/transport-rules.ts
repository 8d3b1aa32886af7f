/** Rules about how a cluster and its schema registry are reached. */
import { isObject } from '../schema-walk.ts';
import { error, type Rule, warning } from './rule.ts';

export const missingSecret: Rule = {
  name: 'missing-secret',
  about: 'Environment variables with secrets of the transport are set.',
  check: ({ transport }, { env }) =>
    env === undefined
      ? []
      : settings(transport, ['transport'], 'Env')
          .filter(({ value }) => (env[value] ?? '') === '')
          .map(({ path, value }) =>
            warning(path, `the environment variable \`${value}\` is not set: the run would not connect`),
          ),
};

export const missingSecurityFile: Rule = {
  name: 'missing-security-file',
  about: 'Files with certificates, keys and secrets of the transport are there.',
  check: ({ transport }, { exists }) =>
    exists === undefined
      ? []
      : settings(transport, ['transport'], 'File')
          .filter(({ value }) => !exists(value))
          .map(({ path, value }) =>
            error(
              path,
              `there is no ${value} (paths are relative to the topology's file; of --set, to the current folder)`,
            ),
          ),
};

export const openPassword: Rule = {
  name: 'open-password',
  about: 'Passwords and tokens go over TLS only, to a broker whose certificate is checked.',
  check: ({ transport }) => {
    if (transport.kind !== 'kafka') return [];
    const { tls, sasl } = transport.security;
    if (sasl !== null && tls === null) {
      return [
        warning(
          ['transport', 'security', 'sasl'],
          'without `tls` everything is sent in the open: passwords of PLAIN and tokens can be read on the way (`tls: {}` takes the usual authorities)',
        ),
      ];
    }
    return tls?.rejectUnauthorized === false
      ? [
          warning(
            ['transport', 'security', 'tls', 'rejectUnauthorized'],
            'no certificate is checked, so that anybody may pose as the broker: name its authority in `caFile`',
          ),
        ]
      : [];
  },
};

export const openRegistry: Rule = {
  name: 'open-registry',
  about: "The registry's password goes over https only.",
  check: ({ transport }) =>
    transport.kind === 'kafka' &&
    transport.registry !== null &&
    transport.registry.usernameEnv !== null &&
    transport.registry.url.startsWith('http:')
      ? [
          warning(
            ['transport', 'registry', 'url'],
            'the password goes over http in the open: expected an https address',
          ),
        ]
      : [],
};

interface Setting {
  readonly path: readonly PropertyKey[];
  readonly value: string;
}

/** All texts below a node whose keys end so. */
function settings(node: unknown, path: readonly PropertyKey[], ending: string): Setting[] {
  if (!isObject(node)) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    typeof value === 'string' && key.endsWith(ending)
      ? [{ path: [...path, key], value }]
      : settings(value, [...path, key], ending),
  );
}
