/** Makes nodes of a tree, where there is more to them than their parts. */
import { ambiguous, UnitsDiffer } from './refusal.ts';
import { bare, type Node, type Operator, written } from './tree.ts';
import { type Unit, unitNamed } from './units.ts';
import { compare } from './value.ts';

export function number(value: bigint): Node {
  return { kind: 'number', value: { n: value, d: 1n }, text: String(value) };
}

export function binary(operator: Operator, left: Node, right: bigint): Node {
  return { kind: 'binary', operator, left, right: number(right) };
}

export function changed(operator: '+' | '-', percent: Node): Node {
  return { kind: 'group', of: { kind: 'binary', operator, left: number(1n), right: percent } };
}

/** `5 less than 20`, `20% more than 50`. */
export function compared(name: string, by: Node, from: Node): Node {
  const operator = name === 'less than' ? '-' : '+';
  refuseFraction(by, operator, from);
  if (bare(by).kind !== 'percent') return summed(operator, from, by);
  return { kind: 'binary', operator: '*', left: from, right: changed(operator, by) };
}

/** `240 increased by 15%` is 240 * (1 + 15%); of a sum it could be of its last term. */
export function increased(name: string, from: Node, by: Node): Node {
  const operator = name === 'increased by' ? '+' : '-';
  refuseFraction(by, operator, from);
  if (bare(by).kind !== 'percent') return summed(operator, from, by);
  if (from.kind === 'binary' && (from.operator === '+' || from.operator === '-')) {
    throw ambiguous(`... ${name} ${written(by)}`, `(...) ${name} ${written(by)}`, 'its last term changed');
  }
  return { kind: 'binary', operator: '*', left: from, right: changed(operator, by) };
}

/** `90 decreased by a third`, `a quarter more than 80`: of it, or of one. */
function refuseFraction(by: Node, operator: '+' | '-', from: Node): void {
  const part = by.kind === 'unit' ? null : bare(by);
  const isWritten = part?.kind === 'number' && part.text.includes('/') && part.value.n < part.value.d;
  const isDivided =
    part?.kind === 'binary' &&
    part.operator === '/' &&
    part.left.kind === 'number' &&
    part.right.kind === 'number' &&
    compare(part.left.value, part.right.value) < 0;
  if (!isWritten && !isDivided) return;
  const [a, b] = [written(from), written(by)];
  throw ambiguous(`${a} ${operator} ${b}`, `${a} ${operator} ${b}`, `${a} * (1 ${operator} ${b})`);
}

export function unitOf(of: Node, unit: Unit | null): Node {
  return unit?.name === '°' || unit?.name === 'degree' ? { kind: 'degrees', of } : { kind: 'unit', of, unit };
}

/** A sum or difference. Different units of measure are not added up; neither are dollars and cents. */
export function summed(operator: '+' | '-', left: Node, right: Node): Node {
  let [one, other] = [measured(left), measured(right)];
  if (one === null && other?.dimension === MONEY?.dimension && isMoney(left)) one = MONEY;
  if (other === null && one?.dimension === MONEY?.dimension && isMoney(right)) other = MONEY;
  refuseUnits(one, other);
  return { kind: 'binary', operator, left, right };
}

/** Two units of measure of what is put together: nothing is converted. */
function refuseUnits(one: Unit | null, other: Unit | null): void {
  if (one && other && (one.name !== other.name || one.dimension !== other.dimension)) {
    throw new UnitsDiffer(`${one.name} and ${other.name} are different units: write both in one.`);
  }
}

/** Sides of an equation that differ, in units that do. */
export function refuseSides(left: Node, right: Node): void {
  refuseUnits(measured(left), measured(right));
}

const MONEY = unitNamed('dollar');

/** Whether it is an amount with a dollar sign. */
function isMoney(node: Node): boolean {
  if (node.kind === 'number') return node.money === true;
  if (node.kind === 'group' || node.kind === 'negative') return isMoney(node.of);
  return (
    node.kind === 'binary' && /^[-+*]$/.test(node.operator) && isMoney(node.left) !== isMoney(node.right)
  );
}

/** The unit of measure of a term; null where it has none, or more than one. */
function measured(node: Node): Unit | null {
  switch (node.kind) {
    case 'unit':
      return node.unit;
    case 'group':
    case 'negative':
      return measured(node.of);
    case 'binary': {
      if (node.operator === '/' || node.operator === 'mod' || node.operator === '//') return null;
      const [left, right] = [measured(node.left), measured(node.right)];
      if (node.operator === '^') return null;
      if (node.operator === '*') return left && right ? null : (left ?? right);
      return left ?? right;
    }
    default:
      return null;
  }
}
