/** What the demo says last: where everything is, and what one may do next. */
import { dirname } from 'node:path';
import { ownName, pathHere, shippedTopology, swirlCommand } from './own-name.ts';

/** Commands that work as they stand, from the folder that the demo was run in. */
export function nextSteps({ run, folder }: { readonly run: string; readonly folder: string }): string {
  const swirl = ownName();
  const here = pathHere(folder);
  const runs = pathHere(dirname(folder));
  const where = runs === 'runs' ? [] : ['--folder', runs];
  return `All of it is in ${here}: topics, checkpoints, and topology.resolved.yaml.
All that happened, in the browser:
  ${swirlCommand('watch', here)}
The steps that were refused, and why:
  ${swirlCommand('tap', 'judged', '-t', here, '--where', 'verdict.label == "BAD"')}
The same steps again with another learning rate, to other weights:
  ${swirlCommand('replay', '--run', run, '--from', 'scored', ...where)} \\
    --set stages.train.schedule.learningRate=2e-3

With a policy and questions of your own (docs/guide.md has the whole way):
  cp ${shippedTopology()} my.yaml    # and name your policy in it
  ${swirl} lint my.yaml
  ${swirl} feed train.jsonl -t my.yaml
  ${swirl} run my.yaml --until-drained`;
}
