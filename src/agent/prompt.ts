/**
 * Fills the prompts in `prompts/`. Hostile texts are put between marker lines that bear a code made from the
 * texts themselves, so that none of them can close its own section or open another.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { contentHash } from '../input/content-hash.ts';
import { conversation } from './conversation.ts';
import { cutMiddle } from './cut-text.ts';
import type { History } from './model.ts';

export type PromptName =
  | 'process-judge'
  | 'reward'
  | 'outcome-grader'
  | 'instructions'
  | 'instructions-no-tools'
  | 'instructions-protocol';

/** Sizes of a review, by whatever model and for whatever end. */
export const reviewConfig = z.strictObject({
  maxPromptChars: z
    .int()
    .min(1000)
    .default(60_000)
    .describe(
      'Most characters of question and conversation that are shown; longer messages lose their middle.',
    ),
  maxRationaleChars: z.int().min(100).default(4000).describe('Longer explanations lose their middle.'),
  votes: z
    .int()
    .min(1)
    .max(99)
    .default(1)
    .describe(
      'How often each step is put to the model. Of several votes the majority is the verdict, the mean the reward; all stand in the record. They differ only above temperature 0.',
    ),
  prompt: z
    .string()
    .min(1)
    .max(4096)
    .nullable()
    .default(null)
    .describe(
      "A text file with a prompt of one's own: the places `{{question}}`, `{{conversation}}`, `{{message}}` and `{{code}}` are filled in, and must be there as `lint` says. null: Swirl's.",
    ),
  promptHash: contentHash.describe(
    'SHA-256 that the file must have; null: any. Swirl writes what it found into `topology.resolved.yaml`.',
  ),
});

/** A hostile text and what it is, in our own words. */
interface Section {
  readonly label: string;
  readonly text: string;
}

export interface PromptValues {
  /** Our own words and numbers, put in as they are. */
  readonly plain?: Readonly<Record<string, string | number>>;
  /** Hostile texts, one or several in the place of a name, each between markers. */
  readonly fenced?: Readonly<Record<string, readonly Section[]>>;
}

const cache = new Map<PromptName, string>();

/** As `fillTemplate`, with one of Swirl's prompts. */
export function fillPrompt(name: PromptName, values: PromptValues): string {
  const template =
    cache.get(name) ?? readFileSync(new URL(`./prompts/${name}.txt`, import.meta.url), 'utf8').trim();
  cache.set(name, template);
  return fillTemplate(template, values);
}

/** The text with its values in the places `{{name}}`; `{{code}}` is the code of the markers. */
export function fillTemplate(template: string, { plain = {}, fenced = {} }: PromptValues): string {
  const code = codeFor(Object.values(fenced).flat());
  return template.replace(/\{\{(\w+)\}\}/g, (_, key: string) => {
    if (key === 'code') return code;
    const sections = fenced[key];
    if (sections !== undefined) return sections.map((section) => fence(section, code)).join('\n\n');
    const value = plain[key];
    if (value === undefined)
      throw new Error(`the prompt has the place {{${key}}} and was given nothing for it`);
    return String(value);
  });
}

/**
 * A conversation up to one action, as the sections `question`, `conversation` and `message`. Each gets its
 * share of `maxChars`; a longer text loses its middle, which says so.
 */
export function reviewSections(
  state: History & { readonly action: { readonly text: string } },
  maxChars: number,
): Required<PromptValues>['fenced'] {
  const [question, ...messages] = conversation({ task: { instructions: '' }, ...state });
  const quarter = Math.floor(maxChars / 4);
  const share = Math.max(100, Math.floor((2 * quarter) / Math.max(1, messages.length)));
  const labels = { assistant: 'the assistant wrote', user: 'it was shown', system: 'it was told' };
  const earlier = messages.map(({ role, content }, i) => ({
    label: `message ${i + 1}: ${labels[role]}`,
    text: cutMiddle(content, share),
  }));
  return {
    question: [{ label: 'the question', text: cutMiddle(question?.content ?? '', quarter) }],
    conversation:
      earlier.length > 0 ? earlier : [{ label: 'the conversation so far', text: '(nothing yet)' }],
    message: [
      { label: 'the message to rate: the assistant wrote', text: cutMiddle(state.action.text, quarter) },
    ],
  };
}

function fence({ label, text }: Section, code: string): string {
  return `[[${label} | ${code}]]\n${text}\n[[end | ${code}]]`;
}

/** A code that occurs in none of the texts, and is the same for the same texts. */
function codeFor(sections: readonly Section[]): string {
  for (let round = 0; ; round++) {
    const hash = createHash('sha256')
      .update(JSON.stringify([round, sections]))
      .digest('hex')
      .slice(0, 16);
    if (sections.every(({ text }) => !text.includes(hash))) return hash;
  }
}
