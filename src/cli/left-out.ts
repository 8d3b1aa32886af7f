/** Malformed records as a command tells of them: each reason once, with the places of all that share it. */
import type { DataError } from '../errors.ts';
import { printable } from '../monitor/printable.ts';

/** How many reasons are told. */
const REASONS = 5;
/** How many places of the others that share a reason are named. */
const PLACES = 12;

interface Reason {
  /** Of the records after the first: how many, and where the first few of them are. */
  more: number;
  readonly places: string[];
}

export class LeftOut {
  readonly #reasons = new Map<string, Reason>();
  readonly #say: (message: string) => void;
  #count = 0;
  #untold = 0;

  constructor(say: (message: string) => void) {
    this.#say = say;
  }

  /** How many records were left out. */
  get count(): number {
    return this.#count;
  }

  /** Whether reasons were met that were not told. */
  get isCut(): boolean {
    return this.#untold > 0;
  }

  /** Tells of a record whose reason is new. */
  readonly skip = (error: DataError): void => {
    this.#count++;
    const { place, reason } = partsOf(error.message);
    const known = this.#reasons.get(reason);
    if (known !== undefined) {
      known.more++;
      if (known.places.length < PLACES) known.places.push(place);
    } else if (this.#reasons.size < REASONS) {
      this.#reasons.set(reason, { more: 0, places: [place] });
      this.#say(`swirl: left out: ${printable(error.message, 500)}`);
    } else this.#untold++;
  };

  /** Tells of the others, when their number is known: at the end, unless none was of any use. */
  tellRest(): void {
    for (const { more, places } of this.#reasons.values()) {
      if (more === 0) continue;
      const shown = placesText(places);
      const rest = more + 1 - places.length;
      const beyond = rest > 0 ? ` and ${rest} more` : '';
      this.#say(`swirl: left out for the same reason: ${printable(shown, 500)}${beyond}`);
    }
  }
}

/** Where a message says that something is, at its beginning: by line, by element or by row. */
const PLACE = /^((?:.*?)(?::\d+|\[\d+\](?: \(byte \d+\))?|, row \d+)): (.*)$/s;

/** What is quoted and counted in a reason differs from record to record. */
function partsOf(message: string): { readonly place: string; readonly reason: string } {
  const [, place = '', text = message] = PLACE.exec(message) ?? [];
  const [said = ''] = text.split(', found text that is not JSON');
  return { place, reason: said.replaceAll(/"(?:[^"\\]|\\.)*"|'[^']{1,2}'/g, '""').replaceAll(/\d+/g, '0') };
}

/** `a.jsonl:5, 9, b.jsonl:3`: without the first, which was told. */
function placesText([, ...places]: readonly string[]): string {
  let before = '';
  return places
    .map((place) => {
      const file = fileOf(place);
      const short = place.replace(/ \(byte \d+\)$/, '');
      const shown = file === before ? short.slice(file.length).replace(/^(?::|, row )/, '') : short;
      before = file;
      return shown;
    })
    .join(', ');
}

function fileOf(place: string): string {
  return place.replace(/(?::\d+|\[\d+\](?: \(byte \d+\))?|, row \d+)$/, '');
}
