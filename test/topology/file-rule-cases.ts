/** Cases of the rules about files, for rules.test.ts. */
import { homedir } from 'node:os';
import type { Case } from './learning-rule-cases.ts';

export const FILE_CASES: readonly Case[] = [
  {
    rule: 'missing-file',
    set: ['tools.search={kind: search, corpus: articles.jsonl}', 'tasks.sums.tools=[search, calculator]'],
    context: { exists: (path) => path !== '/work/here/articles.jsonl' },
    path: 'tools.search.corpus',
    says: 'there is no /work/here/articles.jsonl',
    mended: { context: { exists: () => true } },
  },
  {
    rule: 'missing-file',
    set: ['policy.checkpoint=gone'],
    context: { exists: (path) => !path.endsWith('gone') },
    path: 'policy.checkpoint',
    says: 'there is no /work/here/gone',
  },

  {
    rule: 'home-path',
    set: ['policy.checkpoint=~/models/tiny'],
    context: { exists: () => false },
    path: 'policy.checkpoint',
    says: `write ${homedir()}/models/tiny`,
    mended: { set: [`policy.checkpoint=${homedir()}/models/tiny`] },
  },
  {
    rule: 'home-path',
    set: ['folder=~ada/runs'],
    path: 'folder',
    says: 'write the whole path of that home folder',
  },
  {
    rule: 'incomplete-policy',
    set: ['policy.checkpoint=half'],
    context: { exists: (path) => !/tokenizer.json$|adapter_config.json$/.test(path) },
    path: 'policy.checkpoint',
    says: '/work/here/half has no tokenizer.json',
    // Weights in several files.
    mended: {
      set: ['policy.checkpoint=half'],
      context: { exists: (path) => !/model.safetensors$|adapter_config/.test(path) },
    },
  },
  {
    rule: 'incomplete-policy',
    set: ['policy.checkpoint=half'],
    context: { exists: (path) => !/half\/.*json$/.test(path) },
    path: 'policy.checkpoint',
    says: 'has no config.json and no tokenizer.json',
    // Adapters: their base is another folder, which is looked at when it is opened.
    mended: {
      set: ['policy.checkpoint=half'],
      context: { exists: (path) => !/half\/.*json$/.test(path) || /adapter_config/.test(path) },
    },
  },
];
