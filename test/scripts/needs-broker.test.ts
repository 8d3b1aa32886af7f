import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { needsBroker } from '../../scripts/needs-broker.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const jest = join(dirname(createRequire(import.meta.url).resolve('jest/package.json')), 'bin', 'jest.js');
const needs = (...args: string[]) => needsBroker({ jest, root, args });

test('only where tests on a broker are to run, a broker is wanted', () => {
  expect(needs()).toBe(true);
  expect(needs('test/end-to-end/kafka.test.ts')).toBe(true);
  // Not by its name, but by what it imports: this file starts brokers.
  expect(needs('test/scripts/kafka-broker')).toBe(true);
  expect(needs('test/topology')).toBe(false);
  // It has kafka in its name, and reads documents.
  expect(needs('test/topology/kafka-docs')).toBe(false);
  expect(needs('--help')).toBe(false);
});
