/** The reward that a reward model's reply says. */
import { toNumber } from '../agent/numbers/rational.ts';
import { readNumber } from '../agent/numbers/read-number.ts';
import { type ReplyForm, type ReplyOptions, readReply, type Said } from '../agent/reply.ts';

/** The declared range of rewards. */
export interface RewardRange {
  readonly min: number;
  readonly max: number;
}

/** What a number may be written with, before something else comes. */
const NUMBER = new RegExp(
  String.raw`^(?:(?:about|approximately|approx\.|around|roughly) |[~≈])?` +
    String.raw`((?:minus |negative |[-+−–])? ?[\d.½¼¾][\d.,½¼¾]*(?:e[-+]?\d+)?|zero|one)` +
    String.raw`((?: ?\/ ?| (?:points? )?(?:out )?of )\d[\d.]*| ?%| per ?cent)?(?: points?)?(?![\p{L}\p{N}%/]|:\d)`,
  'iu',
);

/** Float64's rounding, such as 0.8400000000000001, is taken off: 12 digits are more than a model means. */
const DIGITS = 12;

/** The reward of a reply, within the range; null where there is none that is clear. */
export function readReward(
  reply: string,
  range: RewardRange = { min: 0, max: 1 },
  options: ReplyOptions = {},
): number | null {
  const value = readReply(reply, rewardForm(range), options);
  return value === null || value < range.min || value > range.max ? null : value;
}

function rewardForm(range: RewardRange): ReplyForm<number> {
  return {
    labels: ['reward', 'score', 'rating'],
    read: (text) => readValue(text, range),
    same: (a, b) => a === b,
    contradicts: (_, after) =>
      /\b(?:or|maybe|perhaps|rather|instead)\b[^.\n]*\d|^[^\p{L}\n]*(?:and|to)\b[^.\n]*\d/iu.test(after),
  };
}

function readValue(text: string, range: RewardRange, isSecond = false): Said<number> | null {
  const match = NUMBER.exec(text);
  if (match === null)
    return /^(?:nan|-?inf|none\b|n\/a|unknown)/i.test(text) ? { value: null, rest: '' } : null;
  const [whole, written = '', scale = ''] = match;
  const cut = /[.,]+$/.exec(scale === '' ? written : '')?.[0] ?? '';
  const rest = `${cut}${text.slice(whole.length)}`;
  const number = readNumber(
    written.slice(0, written.length - cut.length).replace(/–|minus |negative /i, '-'),
  );
  if (number === null) return { value: null, rest };
  // A range: `0.5-0.6`, `0.5 to 0.6`, `0.5 or 0.6`, `0.5, 0.6`.
  if (/^ ?(?:[-–—±]|to|or|and|,) ?\d/.test(rest)) return { value: null, rest };
  const scaledTo = scaled(toNumber(number.value), { scale, range });
  const value = scaledTo === null ? null : Number(scaledTo.toPrecision(DIGITS));
  // `6/10 = 0.6`
  const equal = /^ ?= ?(?=[-\d.])/.exec(rest)?.[0];
  if (equal === undefined) return { value, rest };
  const second = isSecond ? null : readValue(rest.slice(equal.length), range, true);
  return { value: second?.value === value ? value : null, rest: second?.rest ?? '' };
}

/**
 * `7/10` is 7 where 10 is the most, and 0.7 where 1 is; `80%` is of the range that begins with 0. Null: two
 * readings.
 */
function scaled(
  value: number,
  { scale, range }: { readonly scale: string; readonly range: RewardRange },
): number | null {
  const { min, max } = range;
  if (scale === '') return value;
  if (/%|cent/i.test(scale)) return min === 0 ? (value * max) / 100 : null;
  const most = Number(/\d[\d.]*/.exec(scale)?.[0].replace(/\.$/, ''));
  if (!(most > 0 && Number.isInteger(most))) return null;
  if (most === max) return value;
  return min === 0 && max === 1 ? value / most : null;
}
