/** Products and quotients that have two readings, whatever stands around them. */
import { ambiguous, Refusal } from './refusal.ts';
import { bare, type Node, written } from './tree.ts';

/** Per cent of a fraction is written with few parts: `1/2%`, `3/8%`. */
const MOST_PARTS = 10n;

/** `25 of 200` may be a part of it; `20% increase of 150` may be what is added, or what it grows to. */
export function refuseOf(left: Node, right: Node): void {
  const [a, b] = [shortly(left), shortly(right)];
  if (left.kind === 'unit' && bare(left).kind === 'percent') {
    throw ambiguous(`${a} ... of ${b}`, `${a} * ${b}`, `${b} changed by that`);
  }
  if (left.kind === 'number' && left.value.d === 1n && bare(right).kind === 'number') {
    throw ambiguous(`${a} of ${b}`, `${a} * ${b}`, `${a} / ${b}`);
  }
}

/** `1/2% of 1000`, without blanks: the half of one per cent, or one divided by two per cent. */
export function refusePercentOfFraction(left: Node, right: Node): void {
  const under = right.kind === 'percent' ? right.of : null;
  if (left.kind !== 'number' || under?.kind !== 'number') return;
  const isProper = left.value.d === 1n && under.value.d === 1n && left.value.n < under.value.n;
  if (!isProper || under.value.n > MOST_PARTS) return;
  const [a, b] = [written(left), written(under)];
  throw ambiguous(`${a}/${b}%`, `(${a}/${b})%`, `${a} / (${b}%)`);
}

/** `1/2 ÷ 1/4`: a fraction without blanks after a sign of its own may be one number. */
export function refuseDivisionByFraction(left: Node, right: Node): never {
  const [a, b] = [shortly(left), shortly(right)];
  throw ambiguous(`${a} ÷ ${b}/...`, `${a} / (${b} / ...)`, `${a} / ${b} / ...`);
}

/** `the sum of 5 numbers` does not say which. */
export function refuseOne(name: string, args: readonly Node[]): void {
  const [only, other] = args;
  if (only === undefined || other !== undefined || bare(only).kind !== 'number') return;
  throw new Refusal(`${name}(${shortly(only)}) is of one number: write all of them.`);
}

/** `15 cm ^2` */
export function refuseUnitRaised(base: Node): void {
  if (base.kind !== 'unit') return;
  throw ambiguous(`${shortly(base)} ... ^`, 'a number that is raised', 'a unit of that power');
}

/** A part of an expression as a refusal shows it. */
export function shortly(node: Node | undefined): string {
  if (node === undefined) return '';
  const text = written(node).slice(0, 24);
  return node.kind === 'group' && bare(node).kind === 'binary' ? `(${text})` : text;
}
