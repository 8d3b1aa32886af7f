/** LaTeX as models write it in calls, turned into the plain spelling that is read after it. */
import { Refusal } from './refusal.ts';

/** Groups in groups; deeper ones are refused, as brackets are. */
const MAX_NESTING = 64;

const SIGNS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    times: '×',
    cdot: '×',
    ast: '×',
    cdotp: '×',
    div: '÷',
    pi: 'π',
    approx: '=',
    lfloor: '⌊',
    rfloor: '⌋',
    lceil: '⌈',
    rceil: '⌉',
    lvert: '|',
    rvert: '|',
    vert: '|',
    lbrack: '[',
    rbrack: ']',
    lbrace: '{',
    rbrace: '}',
    degree: '°',
    circ: '°',
    bmod: ' mod ',
    mod: ' mod ',
    quad: ' ',
    qquad: ' ',
    newline: '\n',
    euro: '€',
    pounds: '£',
    yen: '¥',
    cents: '¢',
    percent: '%',
    choose: ' choose ',
  }),
);
const NOTHING =
  /^(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|scriptstyle|limits|nolimits|mathstrut|strut)$/;
const WORDS =
  /^(?:text(?:bf|it|rm|sf|tt|normal)?|math(?:rm|bf|it|sf|tt)|mbox|hbox|operatorname|boxed|fbox|ensuremath|underline|boldsymbol)$/;
const FUNCTIONS = /^(?:log|ln|lg|exp|sin|cos|tan|arcsin|arccos|arctan|max|min|gcd|lcm|cot|sec|csc)$/;

/** Surroundings of lines, whose `&` says where they are aligned. */
const ENVIRONMENT = /^\{(?:align|aligned|equation|gather|gathered|split|math|displaymath|multline)\*?\}/;

/** The text without LaTeX's commands; what is not known stays as it is, and is refused later. */
export function plainLatex(text: string, depth = 0): string {
  if (depth > MAX_NESTING) throw new Refusal(`groups are nested deeper than ${MAX_NESTING}.`);
  const inner = (group: string) => plainLatex(group, depth + 1);
  let out = '';
  let at = 0;
  const group = (): string => {
    const found = groupAt(text, at);
    at = found.end;
    return inner(found.group);
  };
  while (at < text.length) {
    const command = /\\([A-Za-z]+|[^A-Za-z])\s*/y;
    command.lastIndex = at;
    const match = command.exec(text);
    if (match === null) {
      const comma = text.startsWith('{,}', at);
      out += comma ? ',' : text[at] === '~' || text[at] === '&' ? ' ' : text[at];
      at += comma ? 3 : 1;
      continue;
    }
    const name = match[1] as string;
    at += match[0].length;
    const sign = SIGNS.get(name);
    if (sign !== undefined) out = name === 'circ' ? `${out.replace(/\^\s*\{?$/, '')}${sign}` : out + sign;
    else if (NOTHING.test(name)) out += /^(?:left|right)$/.test(name) && text[at] === '.' ? skip() : '';
    else if (WORDS.test(name)) out += words(group());
    else if (FUNCTIONS.test(name)) out += ` ${name} `.trimEnd() + (/^[_(]/.test(text.slice(at)) ? '' : ' ');
    else if (/^[dtcs]?frac$/.test(name))
      out += `${/⟧\s*$/.test(out) ? '×' : ''}${fraction(group(), group())}`;
    else if (/^[dt]?binom$/.test(name)) out += `binomial((${group()}), (${group()}))`;
    else if (name === 'sqrt') out += radical();
    else if (/^(?:begin|end)$/.test(name) && ENVIRONMENT.test(text.slice(at, at + 40))) {
      at += (ENVIRONMENT.exec(text.slice(at)) as RegExpExecArray)[0].length;
    } else if (/^[()[\],;: ]$/.test(name)) out += ' ';
    else if (name === '!') out += '';
    else if (name === '\\') out += '\n';
    else if (/^[%$#&_{}|]$/.test(name)) out += name;
    else out += match[0];
  }
  return closeDegrees(out);

  /** An exponent after a unit is the unit's. */
  function words(said: string): string {
    return /^\s*\^/.test(text.slice(at)) ? ` ${said.trimEnd()}` : ` ${said} `;
  }

  function skip(): string {
    at += 1;
    return '';
  }

  function radical(): string {
    const degree = /^\[([^\]]*)\]/.exec(text.slice(at));
    at += degree?.[0].length ?? 0;
    return degree === null ? `sqrt(${group()})` : `root((${group()}), ${inner(degree[1] as string)})`;
  }
}

/** What a command takes: a group in braces, or a single character. */
function groupAt(text: string, start: number): { readonly group: string; readonly end: number } {
  let from = start;
  while (text[from] === ' ') from++;
  if (text[from] !== '{') {
    const [whole = ''] = /^(?:\\[A-Za-z]+|[^\\{}])/.exec(text.slice(from)) ?? [];
    return { group: whole, end: from + whole.length };
  }
  let depth = 1;
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '{') depth++;
    else if (text[at] === '}' && --depth === 0) return { group: text.slice(from + 1, at), end: at + 1 };
  }
  throw new Refusal('a brace is opened and not closed.');
}

/** A fraction of two whole numbers is one number, which may be mixed: `3\frac{1}{2}`. */
function fraction(over: string, under: string): string {
  const [a, b] = [over.trim(), under.trim()];
  return /^\d+$/.test(a) && /^\d+$/.test(b) ? `⟦${a}/${b}⟧` : `((${a})/(${b}))`;
}

/** `90^{\circ}` leaves a brace after the degrees. */
function closeDegrees(text: string): string {
  let open = 0;
  return text.replace(/°\}|[{}]/g, (found) => {
    if (found === '{') open++;
    else if (open > 0) open--;
    else return found === '°}' ? '°' : found;
    return found;
  });
}
