/**
 * A matcher of one's own: `matcher: { kind: module, path: ./own-matcher.ts }`. The outcome filter and `swirl evaluate` ask
 * it; nothing else sees a gold answer.
 */
import type { MatcherCall } from 'swirl-rl';

const matches: MatcherCall = (answer, golds) => {
  const said = answer.trim().toLowerCase();
  return golds.some((gold) => said === gold.toLowerCase() || said.endsWith(` ${gold.toLowerCase()}`));
};

export default matches;
