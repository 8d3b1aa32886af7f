/**
 * What a number counts: a currency, per cent, a unit of a few words; and what makes a number none: an hour, a
 * month.
 */
import { isNumberWord } from './words.ts';

export interface Unit {
  readonly percent: boolean;
  /** An ISO code, or what stands for one; empty: none. */
  readonly currency: string;
  /**
   * What is counted, in a form that is equal for singular and plural and for common abbreviations; empty:
   * nothing.
   */
  readonly words: string;
}

/** The most words of a unit: `miles per hour per second`. */
const MAX_WORDS = 5;

const CURRENCY_SIGNS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    $: 'usd',
    '€': 'eur',
    '£': 'gbp',
    '¥': 'jpy',
    '₹': 'inr',
    '₩': 'krw',
    '₽': 'rub',
  }),
);
const CURRENCY_WORDS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    dollar: 'usd',
    buck: 'usd',
    usd: 'usd',
    us$: 'usd',
    'us dollar': 'usd',
    'u.s. dollar': 'usd',
    euro: 'eur',
    eur: 'eur',
    gbp: 'gbp',
    'pound sterling': 'gbp',
    jpy: 'jpy',
    yen: 'jpy',
    peso: 'mxn',
    cny: 'cny',
    rmb: 'cny',
    yuan: 'cny',
    inr: 'inr',
    rupee: 'inr',
    rs: 'inr',
    chf: 'chf',
    krw: 'krw',
    won: 'krw',
    rub: 'rub',
    cad: 'cad',
    aud: 'aud',
    kr: 'kr',
    zł: 'pln',
    ...Object.fromEntries(codes().map((code) => [code, code])),
  }),
);
/** Before the number: `US$`, `€`, `USD `, `Rs. `. */
const PREFIX = new RegExp(
  String.raw`^(?:(us|u\.s\.|a|au|c|ca|nz|hk|s|sg|nt|r)?(\p{Sc})|` +
    String.raw`(usd|eur|gbp|jpy|cny|rmb|inr|chf|krw|rub|cad|aud|rs)\.?) ?(?=[-+]? ?[\d.])`,
  'iu',
);

/** Codes in capitals before the number: those that are no words. */
const CODE_PREFIX = new RegExp(
  String.raw`^()()(${codes().join('|').toUpperCase()}|[Kk]r)\.? ?(?=[-+]? ?[\d.])`,
  'u',
);

/** More of ISO 4217's codes. */
function codes(): string[] {
  const listed = `
    sek nok dkk pln czk huf thb vnd idr php sgd hkd twd nzd ils kes zar brl mxn ngn aed sar pkr bdt lkr egp
  `;
  return listed.trim().split(/\s+/);
}

/** The currency at the beginning and the text after it; null: none. */
export function readCurrency(text: string): { readonly currency: string; readonly rest: string } | null {
  const match = PREFIX.exec(text) ?? CODE_PREFIX.exec(text);
  if (match === null) return null;
  const [whole, country = '', sign = '', code = ''] = match;
  const plain = CURRENCY_SIGNS.get(sign) ?? sign;
  const prefixed = /^(?:us|u\.s\.)?$/i.test(country) ? plain : `${country.toLowerCase()}${plain}`;
  return {
    currency: code === '' ? prefixed : (CURRENCY_WORDS.get(code.toLowerCase()) as string),
    rest: text.slice(whole.length),
  };
}

/** Units that may adjoin their number: `5kg`. Longer lower-case words may too. */
const ATTACHED = new RegExp(
  '^(?:°[cfk]?|[mgshlvwjcf]|[cmkdnµμ]m|[mkµμ]g|lbs?|oz|ml|cl|dl|hz|[kmg]hz|[kmgt]b|hrs?|mins?|' +
    String.raw`secs?|ms|yrs?|ft|in|yds?|mi|mph|kph|kmh|km\/h|m\/s|kw|kwh|mw|mah|kj|kcal|cal|pa|kpa|ha|` +
    'usd|eur|gbp|chf|p|¢|€|pts?|px|pp)$',
  'i',
);
/**
 * With these after it a number is an hour, a year, a date, an ordinal, a sum that is not worked out, or a
 * clause.
 */
const BANNED = new Set(
  `
    am pm noon midnight oclock ad bc ce bce st nd rd th and or to plus minus divided multiplied than not
    by below under negative but because if since so as while when until through vs versus squared cubed pi sqrt root mod
    is are was were isnt arent wasnt werent has had wrong incorrect maybe perhaps possibly probably past
    before instead otherwise except unless no nope false unsure doubled tripled halved inverse reciprocal base
    binary hex modulo tens
    choose factorial log ln sin cos tan january february march april may june july august september october
    november december jan feb mar apr jun jul aug sep sept oct nov dec mil d fold ish something odd
  `
    .trim()
    .split(/\s+/),
);
const PERCENT =
  /^ ?(?:%|-?(?:percent|per ?cent|pct)(?!\p{L})\.?(?: points?(?!\p{L}))?|percentage points?(?!\p{L}))/iu;
/** Words that say nothing about what is counted. */
const FILLER = /\b(?:altogether|in total|in all|total|overall|each|exactly|only|left|remaining)\b/g;

const ALIASES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    km: 'kilometer',
    kilometre: 'kilometer',
    m: 'meter',
    metre: 'meter',
    cm: 'centimeter',
    centimetre: 'centimeter',
    mm: 'millimeter',
    millimetre: 'millimeter',
    mi: 'mile',
    ft: 'foot',
    in: 'inch',
    yd: 'yard',
    kg: 'kilogram',
    kilo: 'kilogram',
    g: 'gram',
    mg: 'milligram',
    lb: 'pound',
    oz: 'ounce',
    l: 'liter',
    litre: 'liter',
    ml: 'milliliter',
    millilitre: 'milliliter',
    h: 'hour',
    hr: 'hour',
    min: 'minute',
    s: 'second',
    sec: 'second',
    yr: 'year',
    mph: 'mile/hour',
    kph: 'kilometer/hour',
    kmh: 'kilometer/hour',
    '°': 'degree',
    deg: 'degree',
    '°c': 'degree celsius',
    '°f': 'degree fahrenheit',
    sq: 'square',
    cu: 'cubic',
  }),
);
const UNITS = new Set(ALIASES.values());
const PLURALS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    people: 'person',
    children: 'child',
    men: 'man',
    women: 'woman',
    feet: 'foot',
    inches: 'inch',
  }),
);

/**
 * The unit that a whole rest of a text is; null where it is not one. `words`: the number itself was in words.
 */
export function readUnit(rest: string, { words }: { readonly words: boolean }): Unit | null {
  const none: Unit = { percent: false, currency: '', words: '' };
  if (rest === '') return none;
  const percent = PERCENT.exec(rest);
  if (percent !== null) {
    const after = rest.slice(percent[0].length);
    const counted = after === '' ? none : readUnit(after, { words });
    return counted === null || (after !== '' && !after.startsWith(' '))
      ? null
      : { ...counted, percent: true };
  }
  const sign = /^ ?(\p{Sc})$/u.exec(rest);
  if (sign !== null)
    return { ...none, currency: CURRENCY_SIGNS.get(sign[1] as string) ?? (sign[1] as string) };
  const counted = rest.trim();
  if (!isUnit(rest, words)) return null;
  const form = canonical(counted);
  const currency = CURRENCY_WORDS.get(form);
  return currency === undefined ? { ...none, words: form } : { ...none, currency };
}

const WORD =
  /^(?:°?[\p{L}][\p{L}\p{M}]*|°|¢)(?:(?:[/·*-]|\.(?=\p{L}))[\p{L}][\p{L}\p{M}]*)*(?:\^-?\d|(?<=m)[23])?\.?$/u;

/** Whether a rest is a unit's words, and not something that changes what the number says. */
function isUnit(rest: string, words: boolean): boolean {
  const parts = rest.trim().split(' ');
  if (parts.length > MAX_WORDS || !parts.every((part) => WORD.test(part))) return false;
  const lower = parts.map((part) => part.toLowerCase().replaceAll('.', ''));
  if (
    lower.some(
      (part) => BANNED.has(part) || part.split(/[-/]/).some((word) => BANNED.has(word) || isNumberWord(word)),
    )
  )
    return false;
  const [first = ''] = lower;
  const attached = !rest.startsWith(' ');
  if (attached) {
    if (rest.startsWith('-')) return false;
    if (!ATTACHED.test(first) && !/^(?:[a-z]{4,}|[^ -~].*)$/.test(parts[0] as string)) return false;
    // `5G` is a network, `5D` has dimensions.
    if (/^[GHSJ]$/.test(parts[0] as string)) return false;
  } else if (/^[a-z]$/.test(first) && !ATTACHED.test(first) && first !== 'k') {
    // `$18 a day`
    if (first !== 'a' || parts.length !== 2) return false;
  }
  if (/^[πσ√∞]/.test(first)) return false;
  // `3 times x` is a formula, `3 times a day` is none.
  if (lower.slice(1).some((part) => /^[b-z]$/.test(part) && !ATTACHED.test(part))) return false;
  if (parts.length > 1 && parts.every((part) => /^\p{Lu}/u.test(part)))
    return parts.some((part) => isKnown(part));
  // `One Direction` is a name.
  return !(words && /^\p{Lu}/u.test(parts[0] as string) && !isKnown(parts[0] as string));
}

function isKnown(word: string): boolean {
  const plain = word.toLowerCase().replace(/\.$/, '');
  const form = ALIASES.get(plain) ?? singular(plain);
  return ALIASES.has(form) || CURRENCY_WORDS.has(form) || UNITS.has(form);
}

/** The same for `miles per hour` and `mph`, `apple` and `apples`. */
function canonical(unit: string): string {
  const words = unit
    .toLowerCase()
    .replace(FILLER, ' ')
    .replace(/(?:^| )(?:per|an?) /g, '/')
    .replace(/(\p{L}+)\^?2(?!\d)/gu, 'square $1')
    .replace(/(\p{L}+)\^?3(?!\d)/gu, 'cubic $1')
    .split(/(\/| )/)
    .map((word) => word.trim().replace(/\.$/, ''))
    .map((word) => ALIASES.get(word) ?? PLURALS.get(word) ?? ALIASES.get(singular(word)) ?? singular(word));
  return words
    .join(' ')
    .replace(/ *\/ */g, '/')
    .replace(/\s+/g, ' ')
    .trim();
}

function singular(word: string): string {
  if (/(?:ss|us|is)$/.test(word) || word.length < 3) return word;
  if (/ies$/.test(word)) return word.replace(/ies$/, 'y');
  if (/(?:s|x|z|ch|sh)es$/.test(word)) return word.replace(/es$/, '');
  return word.replace(/s$/, '');
}

/** Whether two units can be of the same number: one is left out, or they are the same. */
export function sameUnit(a: Unit, b: Unit): boolean {
  if (isBare(a) || isBare(b)) return true;
  // Of the two things that are called a pound one is money.
  if ([a, b].some(isPound) && [a, b].some(({ currency }) => currency === 'gbp')) return true;
  const oneIsMoney = a.currency !== b.currency;
  const words = oneIsMoney ? a.words === b.words : startsAlike(a.words, b.words);
  return words && (a.currency === b.currency || a.currency === '' || b.currency === '');
}

function isBare({ currency, words }: Unit): boolean {
  return currency === '' && words === '';
}

function isPound({ words }: Unit): boolean {
  return words === 'pound';
}

/** `year` and `year old`, `degree` and `degree celsius`; not `mile` and `mile/hour`. */
function startsAlike(a: string, b: string): boolean {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short === '' || long === short || long.startsWith(`${short} `);
}
