/** The matcher `standard`: the same number, or the same words. */
import { z } from 'zod';
import { answersMatch } from '../agent/answers.ts';
import type { Matcher } from '../agent/matcher.ts';
import { kind } from '../parts/kind.ts';

const standardMatcher: Matcher = {
  by: null,
  matches: ({ answer, golds }) => answersMatch(answer, golds),
};

export const standardMatcherKind = kind({
  name: 'standard',
  about: 'The same number, or the same words but for case, punctuation and articles.',
  settings: z.strictObject({}),
  make: async () => standardMatcher,
});
