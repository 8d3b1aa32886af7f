/** What a sentence says at its end: `Therefore, she sold 72 clips.` */

/** The most words of a number with its unit. */
const MAX_TOKENS = 14;

/** Words after which a sentence says its number, beside regular verbs in the past. */
const VERBS = new Set(
  `
    = ≈ ~ → ⇒ => -> — is are was were be equals equal makes make made gives give gave totals has have had
    gets get got costs cost sold sells sell needs need takes take took paid pays pay spent spends
    spend earns earn bought buys buy ate eats saves save uses use receives
    receive weighs contains contain holds hold left remain remains leaves leave work read
    reads scores walks ran runs drove drives collects bakes it's it’s that's that’s
    there's there’s won wins lost loses wrote writes found finds built builds caught catches grew grows drew
    threw brought met put cut hit swam flew rode drank owes owe charges charge donates raises
  `
    .trim()
    .split(/\s+/),
);
/** `planted`, and not what compares or names. */
const PAST =
  /^(?!(?:exceed|surpass|topp|pass|divid|multipli|number|titl|call|nam|dat|ag|rank|bas)ed$)[a-z]{2,}ed$/;
/** Several words that are one of them. */
const PHRASES: readonly (readonly [RegExp, string])[] = [
  [/\b(?:(?:adds?|added) up|comes?|came|amounts?|amounted) to\b|\b(?:turns?|turned) out to be\b/gi, 'is'],
  [/\bleft with\b|\blea(?:ves?|ving) (?:her|him|them|it|us|me|you) with\b/gi, 'has'],
  [/\b(gave|gives?) away\b/gi, '$1'],
];
/** Words that may stand between the verb and the number. */
const BETWEEN = new Set(
  `
    the a an about approximately around roughly exactly only just now thus therefore so hence equal to total
    of altogether simply also still then
  `
    .trim()
    .split(/\s+/),
);
/** With one of these the sentence does not say that it is this number. */
const DENIAL =
  /\b(?:not|never|cannot|could|might|may|unless|except|wrong|if|whether|suppos\w+|assum\w+|let(?!['’])|\w+n't|\w+n’t)\b/i;

/** What `read` finds at the end of a sentence, after a verb or a sign that says so; null where it is nothing. */
export function endOfSentence<T>(sentence: string, read: (text: string) => T | null): T | null {
  const words = PHRASES.reduce((text, [pattern, word]) => text.replace(pattern, word), sentence)
    .replace(/(?<=[^\s<>=!:])=|=(?=[^\s=>])/g, ' = ')
    .replace(/(?<=[\p{L})]):(?=\S)/gu, ': ')
    .replace(/ {2,}/g, ' ')
    .trim()
    .split(' ');
  for (let from = Math.max(1, words.length - MAX_TOKENS); from < words.length; from++) {
    const found = read(words.slice(from).join(' '));
    if (found === null) continue;
    let before = from - 1;
    while (before > 0 && BETWEEN.has((words[before] as string).toLowerCase())) before--;
    const verb = (words[before] as string).toLowerCase();
    const label = verb === ':' || /^\p{L}.*:$/u.test(verb);
    if (!VERBS.has(verb) && !label && !(before > 0 && PAST.test(words[before] as string))) return null;
    const said = words.slice(0, before + (label ? 1 : 0)).join(' ');
    const clause = said.slice(Math.max(said.lastIndexOf(','), said.lastIndexOf(';')) + 1);
    if (
      DENIAL.test(clause) ||
      (label && !/^\D*\p{L}\D*$/u.test(said)) ||
      (verb === '=' && !isOneEquation(said))
    )
      return null;
    return found;
  }
  return null;
}

/** Whether what stands before the last `=` is one chain: `2 + 3 = 5`, and not `x = 1, y`. */
function isOneEquation(before: string): boolean {
  const last = before.lastIndexOf('=');
  return last < 0 || !/[\p{L},;]/u.test(before.slice(last));
}
