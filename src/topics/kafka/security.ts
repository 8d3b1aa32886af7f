/**
 * How a Kafka cluster is spoken to: TLS, and SASL over it. The configuration holds names only, of files and
 * of environment variables, because a topology is written into the run's folder and shown to people; what
 * they hold is read here and goes nowhere but to the client.
 */
import { type ConnectionOptions, createSecureContext } from 'node:tls';
import { z } from 'zod';
import { ConfigError } from '../../errors.ts';
import { filePath, readNamedFile, readSecret, type SecretDeps, variableName } from '../secret.ts';
import { MECHANISM, oauthConfig, type TokenDeps, type TokenSource, tokenSource } from './oauth.ts';

const oneOf = (what: string, fallback: string) =>
  `expected either ${what}Env or ${what}File, the name of an environment variable or of a file: such as ${what}Env: ${fallback}`;

const passwordSasl = z
  .strictObject({
    mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).describe(MECHANISM),
    usernameEnv: variableName.nullable().default(null).describe('The variable that holds the user name.'),
    usernameFile: filePath.nullable().default(null).describe('The file that holds the user name.'),
    passwordEnv: variableName.nullable().default(null).describe('The variable that holds the password.'),
    passwordFile: filePath.nullable().default(null).describe('The file that holds the password.'),
  })
  .refine((sasl) => (sasl.usernameEnv === null) !== (sasl.usernameFile === null), {
    error: oneOf('username', 'KAFKA_USERNAME'),
    path: ['usernameEnv'],
  })
  .refine((sasl) => (sasl.passwordEnv === null) !== (sasl.passwordFile === null), {
    error: oneOf('password', 'KAFKA_PASSWORD'),
    path: ['passwordEnv'],
  });

const tlsConfig = z
  .strictObject({
    caFile: filePath
      .nullable()
      .default(null)
      .describe("PEM file with the authorities to trust; null: those of the system's Node."),
    certFile: filePath
      .nullable()
      .default(null)
      .describe("PEM file with this client's certificate, where the brokers ask for one."),
    keyFile: filePath.nullable().default(null).describe('PEM file with the key of that certificate.'),
    passphraseEnv: variableName
      .nullable()
      .default(null)
      .describe('The variable that holds the passphrase of the key, where it has one.'),
    servername: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe("The name that the brokers' certificates bear; null: the name of each broker's address."),
    rejectUnauthorized: z
      .boolean()
      .default(true)
      .describe('false: anybody may pose as the broker. For a look at a broken set-up, nothing else.'),
  })
  .refine((tls) => (tls.certFile === null) === (tls.keyFile === null), {
    error: 'expected certFile and keyFile together: the certificate and its key',
    path: ['certFile'],
  });

const saslConfig = z.discriminatedUnion('mechanism', [passwordSasl, oauthConfig]);

export const kafkaSecurityConfig = z.strictObject({
  tls: tlsConfig.nullable().default(null).describe('null: no TLS; {}: TLS with the usual authorities.'),
  sasl: saslConfig
    .nullable()
    .default(null)
    .describe('How this client says who it is; null: it does not. Names of variables and files, no secrets.'),
});

export type KafkaSecurityConfig = z.output<typeof kafkaSecurityConfig>;
type TlsConfig = z.output<typeof tlsConfig>;
type SaslConfig = z.output<typeof saslConfig>;

/** What kafkajs takes as `sasl`. */
export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      readonly password: string;
    }
  | { readonly mechanism: 'oauthbearer'; readonly oauthBearerProvider: TokenSource };

/** The part of kafkajs' options that has to do with security; spread it into them. */
export interface KafkaSecurity {
  readonly ssl?: ConnectionOptions;
  readonly sasl?: KafkaSasl;
}

export type SecurityDeps = SecretDeps & TokenDeps;

/** Paths below `transport.security` that name files: they are relative to the topology's file. */
export const SECURITY_FILES = [
  'tls.caFile',
  'tls.certFile',
  'tls.keyFile',
  'sasl.usernameFile',
  'sasl.passwordFile',
  'sasl.tokenFile',
] as const;

/** Where the messages say that a key stands. */
const KEYS = 'transport.security';

/**
 * Reads what the configuration names, once. A `ConfigError` names the variable or file that is missing or
 * unfit, never what is in it. OAUTHBEARER tokens are fetched later, whenever a connection needs one.
 */
export function securityOf({ tls, sasl }: KafkaSecurityConfig, deps: SecurityDeps): KafkaSecurity {
  return {
    ...(tls === null ? {} : { ssl: tlsOptions(tls, deps) }),
    ...(sasl === null ? {} : { sasl: saslOptions(sasl, deps) }),
  };
}

function tlsOptions(tls: TlsConfig, deps: SecretDeps): ConnectionOptions {
  const pem = (key: 'caFile' | 'certFile' | 'keyFile') => {
    const file = tls[key];
    if (file === null) return {};
    const text = Buffer.from(readNamedFile(`${KEYS}.tls.${key}`, file, deps)).toString('latin1');
    const what = key === 'keyFile' ? 'PRIVATE KEY' : 'CERTIFICATE';
    if (text.includes(`${what}-----`)) return { [key.slice(0, -'File'.length)]: text };
    throw new ConfigError(
      `${KEYS}.tls.${key} names ${file}: expected a PEM file with a "BEGIN ${what}" line, found none`,
    );
  };
  const passphrase =
    tls.passphraseEnv === null
      ? {}
      : {
          passphrase: readSecret(
            { key: `${KEYS}.tls.passphrase`, variable: tls.passphraseEnv, file: null },
            deps,
          ),
        };
  const material = { ...pem('caFile'), ...pem('certFile'), ...pem('keyFile'), ...passphrase };
  try {
    createSecureContext(material);
  } catch (cause) {
    // The cause is OpenSSL's: it may say "bad decrypt" or "key values mismatch", and quotes nothing.
    throw new ConfigError(
      `${KEYS}.tls: the files ${[tls.caFile, tls.certFile, tls.keyFile].filter((file) => file !== null).join(', ')} ` +
        `do not go together: ${(cause as Error).message}. Is the key the certificate's, and its passphrase right?`,
      { cause },
    );
  }
  return {
    ...material,
    rejectUnauthorized: tls.rejectUnauthorized,
    ...(tls.servername === null ? {} : { servername: tls.servername }),
  };
}

function saslOptions(sasl: SaslConfig, deps: SecurityDeps): KafkaSasl {
  if (sasl.mechanism === 'oauthbearer') {
    return { mechanism: sasl.mechanism, oauthBearerProvider: tokenSource(sasl, deps) };
  }
  const key = `${KEYS}.sasl`;
  const { usernameEnv, usernameFile, passwordEnv, passwordFile } = sasl;
  return {
    mechanism: sasl.mechanism,
    username: readSecret({ key: `${key}.username`, variable: usernameEnv, file: usernameFile }, deps),
    password: readSecret({ key: `${key}.password`, variable: passwordEnv, file: passwordFile }, deps),
  };
}
