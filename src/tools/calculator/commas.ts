/** Commas between arguments, and commas of thousands: `max(100,200)` has two arguments, `sqrt(1,600)` one. */
import { decimal } from '../../agent/numbers/rational.ts';
import { FUNCTIONS } from './functions.ts';
import { Refusal } from './refusal.ts';
import type { Token } from './tokens.ts';

interface Call {
  readonly name: string;
  /** The places of its commas, and of those that may separate thousands. */
  readonly commas: number[];
  readonly tight: number[];
}

/** The pieces with the commas of thousands dropped. Refused where a comma may be either. */
export function settleCommas(tokens: readonly Token[]): readonly Token[] {
  const calls: (Call | null)[] = [];
  const thousands = new Set<number>();
  let name = '';
  tokens.forEach((token, at) => {
    const call = calls.at(-1);
    if (token.kind === 'function') name = token.name;
    else if (token.kind === 'open') calls.push(token.call ? { name, commas: [], tight: [] } : null);
    else if (token.kind === 'comma') {
      call?.commas.push(at);
      if (token.tight) call?.tight.push(at);
    } else if (token.kind === 'close') {
      const closed = calls.pop();
      if (closed && areThousands(closed)) for (const comma of closed.tight) thousands.add(comma);
    }
  });
  return thousands.size === 0 ? tokens : merged(tokens, thousands);
}

function areThousands({ name, commas, tight }: Call): boolean {
  // Of programs alone.
  if (tight.length === 0 || name === 'range') return false;
  const { least, most } = FUNCTIONS.get(name) ?? { least: 1, most: Infinity };
  // One number has no maximum, sum or divisor worth asking for.
  const fits = (count: number) => count >= (most === Infinity ? 2 : least) && count <= most;
  const [separating, grouping] = [fits(commas.length + 1), fits(commas.length + 1 - tight.length)];
  if (separating && grouping) {
    throw new Refusal('write a space after each comma between arguments, and no comma inside a number.');
  }
  return grouping;
}

function merged(tokens: readonly Token[], commas: ReadonlySet<number>): Token[] {
  const kept: Token[] = [];
  tokens.forEach((token, at) => {
    const last = kept.at(-1);
    if (commas.has(at)) return;
    if (!commas.has(at - 1) || last?.kind !== 'number' || token.kind !== 'number') kept.push(token);
    else {
      const said = `${last.said}${token.said}`;
      const [whole = '', decimals = ''] = said.split('.');
      kept[kept.length - 1] = { ...last, said, value: decimal(whole, decimals) };
    }
  });
  return kept;
}
