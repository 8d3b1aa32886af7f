/**
 * The words of the laboratory, each one token where it stands: few tokens, so that a small policy learns
 * quickly.
 */
import { ANSWER_TAG, noToolObservation, parseAction } from '../agent/action.ts';
import type { NewTokenizer } from '../tokenizer/new-tokenizer.ts';
import { wordTokenizer } from '../tokenizer/new-tokenizer.ts';
import { nameWords, products, regions } from './names.ts';
import { labTools } from './task-settings.ts';
import { gaining, losing, things } from './word-problems.ts';
import type { Relation } from './world.ts';
import { leadsTo } from './world.ts';

/**
 * The tokenizer of the laboratory's policies. Tags are whole, and so is the arrow before a result.
 */
export function labTokenizer(): NewTokenizer {
  const tags = [ANSWER_TAG, ...Object.values(labTools).map(({ tag }) => tag)];
  return wordTokenizer({
    words: [],
    texts: texts(),
    whole: [...tags.flatMap((tag) => [`<${tag}>`, `</${tag}>`]), ' ->'],
  });
}

/**
 * Every word where the laboratory's texts have it: a name's first word may open a text, others follow a
 * space.
 */
function texts(): string[] {
  const names = Object.values(nameWords);
  const nouns = [...regions, ...products, ...things, ...(Object.keys(leadsTo) as Relation[])];
  return [
    ...names.flatMap(({ first }) => first),
    ...[...names.flatMap(({ first, second }) => [...first, ...second]), ...nouns, ...gaining, ...losing].map(
      (word) => ` ${word}`,
    ),
    'What is the of?',
    'Who is older, or? has bags of and. How many? puts into bags. How many in each?',
    ' + - * /',
    noTool(),
  ];
}

/** What the policy is shown after a tag without its end, the one such slip of the demonstrator. */
function noTool(): string {
  const parsed = parseAction(`<${ANSWER_TAG}>`, []);
  return parsed.kind === 'NONE' ? noToolObservation(parsed).text : '';
}
