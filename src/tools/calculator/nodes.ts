/** Makes nodes of a tree, where there is more to them than their parts. */
import { Refusal } from './refusal.ts';
import type { Node, Operator } from './tree.ts';
import { type Unit, unitNamed } from './units.ts';

export function number(value: bigint): Node {
  return { kind: 'number', value: { n: value, d: 1n }, text: String(value) };
}

export function binary(operator: Operator, left: Node, right: bigint): Node {
  return { kind: 'binary', operator, left, right: number(right) };
}

export function changed(operator: '+' | '-', percent: Node): Node {
  return { kind: 'group', of: { kind: 'binary', operator, left: number(1n), right: percent } };
}

export function unitOf(of: Node, unit: Unit | null): Node {
  return unit?.name === '°' || unit?.name === 'degree' ? { kind: 'degrees', of } : { kind: 'unit', of, unit };
}

/** A sum or difference. Different units of measure are not added up; neither are dollars and cents. */
export function summed(operator: '+' | '-', left: Node, right: Node): Node {
  let [one, other] = [measured(left), measured(right)];
  if (one === null && other?.dimension === MONEY?.dimension && isMoney(left)) one = MONEY;
  if (other === null && one?.dimension === MONEY?.dimension && isMoney(right)) other = MONEY;
  if (one && other && (one.name !== other.name || one.dimension !== other.dimension)) {
    throw new Refusal(`${one.name} and ${other.name} are different units: write both in one.`);
  }
  return { kind: 'binary', operator, left, right };
}

const MONEY = unitNamed('dollar');

/** Whether it is an amount with a sign of money. */
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
