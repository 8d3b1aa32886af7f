/**
 * Every benchmark, one after the other, each in a process of its own: `npm run bench`, or `npm run bench --
 * kernels packing` for some. What they printed on which machine is in README.md beside this file.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const all = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && file !== 'all.ts')
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`there is no benchmark ${unknown.join(', ')}; there are ${all.join(', ')}\n`);
  process.exit(2);
}
let failed = 0;
for (const name of asked.length > 0 ? asked : all) {
  process.stdout.write(`\n== ${name}\n`);
  const { status } = spawnSync(process.execPath, ['--expose-gc', '--import', 'tsx', `${folder}${name}.ts`], {
    stdio: 'inherit',
  });
  if (status !== 0) failed++;
}
process.exitCode = failed > 0 ? 1 : 0;
