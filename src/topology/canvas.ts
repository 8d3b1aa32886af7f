/** A grid of characters to draw on, in box-drawing characters or plain ASCII. */

export type Strokes = Readonly<Record<keyof typeof UNICODE, string>>;

const UNICODE = {
  horizontal: '─',
  vertical: '│',
  topLeft: '┌',
  topRight: '┐',
  bottomLeft: '└',
  bottomRight: '┘',
  down: '┬',
  right: '▶',
  up: '▲',
} as const;

const ASCII: Strokes = {
  horizontal: '-',
  vertical: '|',
  topLeft: '+',
  topRight: '+',
  bottomLeft: '+',
  bottomRight: '+',
  down: '+',
  right: '>',
  up: '^',
};

function strokes(unicode: boolean): Strokes {
  return unicode ? UNICODE : ASCII;
}

export class Canvas {
  readonly strokes: Strokes;
  readonly #rows: string[][] = [];

  constructor(unicode: boolean) {
    this.strokes = strokes(unicode);
  }

  /** Writes text from left to right, one character per column. */
  put(row: number, column: number, text: string): void {
    for (const [index, character] of [...text].entries()) this.#set(row, column + index, character);
  }

  horizontal(row: number, from: number, to: number): void {
    for (let column = from; column <= to; column++) this.#set(row, column, this.strokes.horizontal);
  }

  vertical(column: number, from: number, to: number): void {
    for (let row = from; row <= to; row++) this.#set(row, column, this.strokes.vertical);
  }

  /** A box around lines of text, which are centered; returns its width. */
  box(row: number, column: number, lines: readonly string[]): number {
    const inner = Math.max(...lines.map((line) => [...line].length)) + 2;
    const { strokes } = this;
    const edge = strokes.horizontal.repeat(inner);
    this.put(row, column, `${strokes.topLeft}${edge}${strokes.topRight}`);
    for (const [index, line] of lines.entries()) {
      const left = Math.floor((inner - [...line].length) / 2);
      const padded = `${' '.repeat(left)}${line}`.padEnd(inner);
      this.put(row + 1 + index, column, `${strokes.vertical}${padded}${strokes.vertical}`);
    }
    this.put(row + 1 + lines.length, column, `${strokes.bottomLeft}${edge}${strokes.bottomRight}`);
    return inner + 2;
  }

  text(): string {
    return this.#rows
      .map((row) =>
        Array.from(row, (character) => character ?? ' ')
          .join('')
          .trimEnd(),
      )
      .join('\n');
  }

  #set(row: number, column: number, character: string): void {
    for (let missing = this.#rows.length; missing <= row; missing++) this.#rows.push([]);
    this.#rows[row][column] = character;
  }
}
