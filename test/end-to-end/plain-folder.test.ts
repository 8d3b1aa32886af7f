/** Modules in a folder that nobody made a package of: what a newcomer writes first. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { binary, type Workplace, workplace } from './swirl-process.ts';

let place: Workplace;
beforeAll(() => {
  place = workplace({ command: () => binary });
});
afterAll(() => place.remove());

test.each([
  ['a function in TypeScript', 'own.ts', 'export default (): number => 0.5;\n'],
  ['a function in JavaScript', 'own.js', 'export default () => 0.5;\n'],
  ['beside other exports', 'more.ts', 'export const half = 0.5;\nexport default (): number => half;\n'],
  ['with a file beside it', 'with.ts', "import { half } from './half.ts';\nexport default () => half;\n"],
  ['CommonJS', 'own.cjs', 'module.exports = () => 0.5;\n'],
])('%s', async (_, name, text) => {
  place.write('half.ts', 'export const half = 0.5;\n');
  place.write(name, text);
  place.write('topology.yaml', {
    policy: { kind: 'local', checkpoint: 'swirl:assets/base-policy' },
    reward: { kind: 'module', path: `./${name}` },
    tasks: { math: { tools: ['calculator'] } },
    tools: { calculator: { kind: 'calculator' } },
  });
  const { code, stdout, stderr } = await place.swirl(['lint', 'topology.yaml']);
  expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: expect.stringContaining('fine') });
});
