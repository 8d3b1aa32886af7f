/**
 * Words of a query that say nothing of what is looked for: those that Lucene's EnglishAnalyzer leaves out, and what
 * questions are asked with. They are in most articles, so that looking for them takes longest too.
 */
const ENGLISH = new Set(
  [
    'a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to',
    'was will with',
    'what which who whom whose when where why how',
    'were been do does did has have had',
  ].flatMap((words) => words.split(' ')),
);

/** The words without those; all of them where there are no others, as of the band The Who. */
export function withoutStopWords(words: readonly string[]): readonly string[] {
  const rest = words.filter((word) => !ENGLISH.has(word));
  return rest.length > 0 ? rest : words;
}
