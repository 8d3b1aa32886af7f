import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { generateRecords } from '../../scripts/generate-records.ts';

test('records.generated.ts is what `npm run generate` makes of the schemas', () => {
  const file = new URL('../../src/topics/records.generated.ts', import.meta.url);
  expect(readFileSync(file, 'utf8')).toBe(generateRecords());
});
