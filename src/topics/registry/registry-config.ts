/** Settings of a schema registry that speaks Confluent's protocol. */
import { z } from 'zod';
import { filePath, variableName } from '../secret.ts';

export const registryConfig = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/ })
      .refine((url) => !URL.canParse(url) || new URL(url).username + new URL(url).password === '', {
        error:
          'expected a URL without user name and password; name their variables in usernameEnv and passwordEnv',
      })
      .describe(
        "Where the registry's `subjects` and `schemas` are, such as http://127.0.0.1:8081; of Apicurio it ends with /apis/ccompat/v7.",
      ),
    usernameEnv: variableName
      .nullable()
      .default(null)
      .describe('The variable that holds the user name of basic authentication; null: none.'),
    passwordEnv: variableName.nullable().default(null).describe('The variable that holds its password.'),
    passwordFile: filePath.nullable().default(null).describe('Or the file that holds it.'),
    register: z
      .boolean()
      .default(true)
      .describe(
        'Register the schemas of the topics when a run is opened; false: they must be there, registered by somebody else.',
      ),
    timeoutMs: z.int().min(100).max(300_000).default(10_000).describe('Longest wait for one answer.'),
    attempts: z
      .int()
      .min(1)
      .max(100)
      .default(5)
      .describe('How often a request is tried while the registry cannot be reached or is overloaded.'),
    cachedSchemas: z
      .int()
      .min(16)
      .max(100_000)
      .default(1000)
      .describe('How many schemas of other writers are remembered; the longest unused are looked up anew.'),
  })
  .refine(
    ({ usernameEnv, passwordEnv, passwordFile }) =>
      [passwordEnv, passwordFile].filter((key) => key !== null).length === (usernameEnv === null ? 0 : 1),
    {
      error: 'expected usernameEnv with one of passwordEnv and passwordFile, or none of them',
      path: ['usernameEnv'],
    },
  );

export type RegistryConfig = z.output<typeof registryConfig>;

/** Paths below `transport.registry` that name files: they are relative to the topology's file. */
export const REGISTRY_FILES = ['passwordFile'] as const;
