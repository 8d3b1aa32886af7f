/**
 * A real schema registry (Apicurio, which speaks Confluent's protocol) in a process of its own, in memory.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from '@jest/globals';
import { freePort } from '../../../scripts/kafka/broker.js';
import { registryJar } from '../../../scripts/kafka/clients.js';
import { until } from '../../patience.ts';

export interface RealRegistry {
  readonly url: string;
  stop(): Promise<void>;
}

/** Why there is no real registry here; null when there can be one. */
export function missingRegistry(): string | null {
  if (spawnSync('java', ['-version']).status !== 0) return 'there is no `java`';
  return registryJar().why;
}

/**
 * Declares tests that need programs that are not ours. Where something is missing they are skipped and say
 * what; under CI that is a failure.
 */
export function withPrograms(name: string, missing: readonly (string | null)[], declare: () => void): void {
  const why = missing.filter((one) => one !== null).join('; ');
  if (why === '') describe(name, declare);
  else if (process.env.CI === 'true') {
    test(name, () => {
      throw new Error(`CI=true: these tests must run, but ${why}`);
    });
  } else describe.skip(`${name} (skipped: ${why})`, declare);
}

export async function startRegistry(): Promise<RealRegistry> {
  const port = await freePort();
  const child = spawn(
    'java',
    ['-Xmx320m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-jar', registryJar().path ?? ''],
    {
      stdio: ['ignore', 'ignore', 'ignore'],
      env: { ...process.env, QUARKUS_HTTP_PORT: `${port}`, QUARKUS_HTTP_HOST: '127.0.0.1', NODE_OPTIONS: '' },
    },
  );
  // Should the tests be killed, the registry must not stay.
  const stopAtExit = () => child.kill('SIGKILL');
  process.on('exit', stopAtExit);
  const exited = once(child, 'exit');
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`;
  const answers = async () => {
    if (child.exitCode !== null) throw new Error(`the schema registry at ${url} ended`);
    return fetch(`${url}/subjects`).then(
      ({ ok }) => ok,
      () => false,
    );
  };
  await until(`the schema registry at ${url}`, answers, { everyMs: 100 });
  return {
    url,
    stop: async () => {
      process.off('exit', stopAtExit);
      child.kill('SIGKILL');
      await exited;
    },
  };
}
