/** How wide the screen is, and text broken at spaces to fit it. */

/** Of output that goes into a file or another program, and of terminals that do not say. */
const USUAL_COLUMNS = 80;

/** Columns to fill: a terminal's own. */
export function screenWidth(stream: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'> = process.stdout): number {
  return (stream.isTTY ? stream.columns : 0) || USUAL_COLUMNS;
}

/** Whether what was written can be written over: on a terminal, unless its kind knows no such codes. */
export function canRewrite(stream: Pick<NodeJS.WriteStream, 'isTTY'>, kind = process.env.TERM): boolean {
  return stream.isTTY === true && kind !== 'dumb';
}

/** The lines of a text, none wider than `width` except for words that are. Its own line ends stay. */
export function wrapText(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const [first = '', ...words] = paragraph.split(' ');
    const lines: string[] = [];
    let line = first;
    for (const word of words) {
      const longer = `${line} ${word}`;
      // Spaces that a line begins with are its own.
      if (longer.length <= width || line.trim() === '') line = longer;
      else {
        lines.push(line);
        line = word;
      }
    }
    return [...lines, line];
  });
}

/** The text as lines after the first of which all are indented. */
export function hanging(
  text: string,
  { width, indent }: { readonly width: number; readonly indent: number },
) {
  return wrapText(text, width - indent).join(`\n${' '.repeat(indent)}`);
}
