/** The best of the articles that are given one after the other. */

/** A score in hand for an article. */
interface Found {
  readonly article: number;
  readonly score: number;
}

/** The best so far, of equal ones the first by number. */
export class Best {
  readonly found: Found[] = [];
  readonly #count: number;
  /** What an article must exceed. */
  least: number;

  constructor(count: number, least = 0) {
    this.#count = count;
    this.least = least;
  }

  add(found: Found): void {
    let at = this.found.length;
    while (at > 0 && isBetter(found, this.found[at - 1])) at--;
    this.found.splice(at, 0, found);
    if (this.found.length > this.#count) this.found.pop();
    if (this.found.length === this.#count) this.least = this.found[this.#count - 1].score;
  }
}

function isBetter(a: Found, b: Found): boolean {
  return a.score > b.score || (a.score === b.score && a.article < b.article);
}
