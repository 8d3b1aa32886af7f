/** The verdict that a judge's reply says. */
import { type ReplyForm, type ReplyOptions, readReply } from '../agent/reply.ts';
import type { VerdictLabel } from '../topics/records.generated.ts';

type Label = Exclude<VerdictLabel, 'UNKNOWN'>;

const VERDICT: ReplyForm<Label> = {
  labels: [
    'verdict',
    'rating',
    'judgment',
    'judgement',
    'assessment',
    'evaluation',
    'label',
    'decision',
    'classification',
  ],
  read: (text) => {
    const match =
      /^(not )?(good|bad)(?![\p{L}\p{N}])(?: ?(?:\/|or|and) ?(?:good|bad)(?![\p{L}\p{N}]))?/iu.exec(text);
    if (match === null)
      return /^(?:unknown|unclear|undecided|neither|neutral|mixed)(?!\p{L})/iu.test(text)
        ? { value: null, rest: '' }
        : null;
    const [whole, not, word = ''] = match;
    const rest = text.slice(whole.length);
    if (/\/|\bor\b|\band\b/i.test(whole)) return { value: null, rest };
    const good = word.toLowerCase() === 'good';
    // What is not good is bad; what is not bad may be neither.
    if (not !== undefined) return { value: good ? 'BAD' : null, rest };
    return { value: good ? 'GOOD' : 'BAD', rest };
  },
  same: (a, b) => a === b,
  contradicts: (value, after) =>
    (value === 'GOOD' ? /\bBAD\b|\b[Bb]ad ?:/ : /\bGOOD\b|\b[Gg]ood ?:/).test(after),
};

/** The verdict of a reply; null where there is none that is clear. */
export function readVerdict(reply: string, options: ReplyOptions = {}): Label | null {
  return readReply(reply, VERDICT, options);
}
