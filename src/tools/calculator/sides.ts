/** The sides of an equation, and equations inside calls of a solver. */
import { ambiguous, Refusal } from './refusal.ts';
import { unwrapped } from './spelling.ts';

/** More sides than these are no chain of results. */
const MAX_SIDES = 8;

const EQUALS = /(?:\b(?:is|are)\s+)?\bequals?(?:\s+to)?\b|:=|==?|≈/giu;
/** And `10 + 5 is 15`, where a number comes after it. */
const EQUALS_OR_IS = new RegExp(
  String.raw`${EQUALS.source}|\b(?:is|are)(?=\s+[-+(√\p{Sc}.\d]|\s+(?:${numberWords()})\b|\s*$)`,
  'giu',
);
const CALLED = /^solve\s*\(([\s\S]*)\)$/i;

/** Of a regular expression. */
export function numberWords(): string {
  const small = 'zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\\w+teen|';
  return `${small}(?:twen|thir|for|fif|six|seven|eigh|nine)ty|a hundred|half`;
}

/** What stands between the signs of equality; empty sides are left out. `solve(2x - 8, x)` means 2x - 8 = 0. */
export function sidesOf(text: string): string[] {
  const asked = text.replace(/\s+for\s+[A-Za-z]$/, '').replace(/(?<=[\p{L}\d)\]}%!°])\s*\?+$/u, '');
  const solver = CALLED.exec(asked.trim());
  if (solver !== null) return ofSolver(solver[1] as string);
  if (/[<>≤≥≠]|=>/.test(asked)) throw new Refusal('a comparison has no value: write one side of it.');
  if (/\s!=/.test(asked)) throw ambiguous('!=', 'a factorial', '"is not equal to"');
  const sides = asked
    .split(/\b(?:what|how|which)\b/i.test(asked) ? EQUALS : EQUALS_OR_IS)
    .map(unwrapped)
    .filter((side) => side !== '');
  if (sides.length > MAX_SIDES) throw new Refusal(`there are more than ${MAX_SIDES} signs of equality.`);
  return sides.length === 0 ? [asked] : sides;
}

function ofSolver(inside: string): string[] {
  const parts = splitAtCommas(inside);
  const [first = ''] = parts;
  const equation = first.replace(/^\[([\s\S]*)\]$/, '$1');
  const called = /^(?:Eq|Equation)\s*\(([\s\S]*)\)$/.exec(equation.trim());
  const sides = called === null ? equation.split(EQUALS) : splitAtCommas(called[1] as string);
  if (sides.length > 2 || parts.length > 2) throw new Refusal('one equation in one unknown is solved.');
  return [(sides[0] ?? '').trim(), (sides[1] ?? '0').trim()];
}

function splitAtCommas(text: string): string[] {
  const parts: string[] = [''];
  let depth = 0;
  for (const char of text) {
    if ('([{'.includes(char)) depth++;
    else if (')]}'.includes(char)) depth--;
    if (char === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}
