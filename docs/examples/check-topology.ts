/** Checks a topology and prints what is wrong with it, as data: `tsx check-topology.ts topology.yaml`. */
import { checkTopology } from 'swirl-rl';

const [file = 'topology.yaml', ...set] = process.argv.slice(2);
const { topology, problems } = await checkTopology(file, { set });

for (const { severity, rule, path, line, message } of problems) {
  console.log(JSON.stringify({ severity, rule, path, line, message }));
}
const isFit = topology !== null && problems.every(({ severity }) => severity !== 'error');
console.log(isFit ? `${topology.run}: ${Object.keys(topology.stages).join(' -> ')}` : 'cannot be run');
process.exitCode = isFit ? 0 : 1;
