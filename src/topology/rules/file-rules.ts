/** Rules about the files and folders that a topology names. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { valueAt } from '../check.ts';
import { beginsAtHome, pathsIn } from '../paths.ts';
import { isUsed, partsIn } from '../slots.ts';
import type { Topology } from '../topology.ts';
import { error, type Rule, type RuleFinding } from './rule.ts';
import { usedModels } from './used-models.ts';

export const missingFile: Rule = {
  name: 'missing-file',
  about: "Checkpoints, corpora, prompts and other files of the topology's parts are there.",
  check: (topology, { exists }) =>
    exists === undefined
      ? []
      : filesInUse(topology).flatMap(({ path, file }) =>
          typeof file !== 'string' || beginsAtHome(file) || exists(file)
            ? []
            : [
                error(
                  path,
                  `there is no ${file} (paths are relative to the topology's file; of --set, to the current folder)`,
                ),
              ],
        ),
};

/** What the kinds of the parts that are used say to be files. */
function filesInUse(topology: Topology): { readonly path: readonly PropertyKey[]; readonly file: unknown }[] {
  const tools = new Set(Object.values(topology.tasks).flatMap((task) => task.tools));
  const parts = partsIn(topology).filter(
    (place) =>
      isUsed(place, topology) && (place.slot.part !== 'tool' || tools.has(String(place.path.at(-1)))),
  );
  const learner = topology.stages.train === undefined ? null : topology.learner;
  return [
    ...parts.flatMap(({ path, node, kind }) =>
      kind.files.map((key) => {
        const keys = key.split('.');
        return { path: [...path, ...keys], file: valueAt(node, keys) };
      }),
    ),
    ...(learner === null ? [] : [{ path: ['learner', 'checkpoint'], file: learner.checkpoint }]),
  ];
}

export const homePath: Rule = {
  name: 'home-path',
  about: 'Paths are written out: `~` is what a shell replaces, and nothing in a topology is.',
  check: (topology) =>
    pathsIn(topology).flatMap(({ path, text }) => {
      if (!beginsAtHome(text)) return [];
      const own = /^~(?=$|[/\\\\])/.test(text);
      const instead = own ? join(homedir(), text.slice(1)) : 'the whole path of that home folder';
      return [error(path, `\`~\` stands for a home folder in a shell only: write ${instead}`)];
    }),
};

/** What a decoder's folder must have, by any of its names; adapters may leave it to that of their base. */
const POLICY_FILES = [
  ['config.json'],
  ['model.safetensors', 'model.safetensors.index.json', 'model.gguf'],
  ['tokenizer.json'],
] as const;

export const incompletePolicy: Rule = {
  name: 'incomplete-policy',
  about: "A policy's folder has its configuration, its weights and its tokenizer.",
  check: (topology, { exists }) =>
    exists === undefined
      ? []
      : usedModels(topology).flatMap(({ path, model: { checkpoint } }): RuleFinding[] => {
          if (typeof checkpoint !== 'string' || !exists(checkpoint)) return [];
          if (checkpoint.endsWith('.gguf'))
            return [error([...path, 'checkpoint'], `${checkpoint} is a GGUF file: ${GGUF_FIRST}`)];
          if (exists(join(checkpoint, 'adapter_config.json'))) return [];
          const has = (name: string) => exists(join(checkpoint, name));
          const missing = POLICY_FILES.filter((names) => !names.some(has)).map(([name]) => name);
          return missing.length === 0
            ? []
            : [
                error(
                  [...path, 'checkpoint'],
                  `${checkpoint} has no ${missing.join(' and no ')}: expected ${EXPECTED}`,
                ),
              ];
        }),
};

/** How a GGUF file becomes a policy's folder. */
const GGUF_FIRST = 'make a folder of it with `swirl gguf FILE FOLDER`, and name that';

const EXPECTED =
  "a policy's folder as Hugging Face has it: config.json, weights in safetensors, and tokenizer.json";
