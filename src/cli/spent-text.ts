/** What a run has spent, for people. */
import { printable } from '../monitor/printable.ts';
import type { Spending, Spent, SpentBy } from '../spending/spent.ts';
import { counted } from './count.ts';
import { table } from './table.ts';

/** Characters of a model's name. */
const NAME = 60;

/** Lines of the summary; none where nothing was asked. */
export function spentLines(spending: Spending): string[] {
  const { total, by, currency, unpriced } = spending;
  if (total.requests + total.kept === 0) return [];
  return [
    `asked: ${spentText(total, currency)}`,
    ...(by.length > 1
      ? table(
          HEADER,
          by.map((one) => rowOf(one, currency)),
        ).split('\n')
      : []),
    ...notesOn(total, unpriced),
  ];
}

/** Such as `12 requests, 4 answers kept before, 5120 tokens read, 700 written, 0.03 USD`. */
export function spentText({ requests, kept, usage, money }: Spent, currency: string): string {
  return [
    counted(requests, 'request'),
    ...(kept > 0 ? [`${counted(kept, 'answer')} kept from before`] : []),
    ...(usage.input + usage.output > 0 ? [`${usage.input} tokens read, ${usage.output} written`] : []),
    ...(money === null ? [] : [moneyText(money, currency)]),
  ].join(', ');
}

/** Money to the cent, or where it is less than a unit with two digits that say something. */
export function moneyText(money: number, currency: string): string {
  const text = money === 0 || money >= 1 ? money.toFixed(2) : String(Number(money.toPrecision(2)));
  return `${text} ${printable(currency, 16)}`;
}

const HEADER = ['for', 'of', 'requests', 'kept', 'tokens read', 'written', 'money'];

function rowOf({ stage, model, requests, kept, usage, money }: SpentBy, currency: string): string[] {
  return [
    ...[printable(stage, NAME), printable(model, NAME)],
    ...[`${requests}`, `${kept}`, `${usage.input}`, `${usage.output}`],
    money === null ? '' : moneyText(money, currency),
  ];
}

function notesOn({ open, failed, unmetered, money }: Spent, unpriced: readonly string[]): string[] {
  const names = unpriced.map((name) => printable(name, NAME)).join(', ');
  return [
    ...(failed > 0 ? [`${counted(failed, 'request')} ended with an error`] : []),
    ...(open > 0
      ? [`${counted(open, 'request')} had no answer when a process ended: it may have been paid for`]
      : []),
    ...(unmetered > 0 ? [`${counted(unmetered, 'answer')} did not say how many tokens they took`] : []),
    ...(money !== null && unpriced.length > 0 ? [`without a price (key \`prices\`): ${names}`] : []),
  ];
}
