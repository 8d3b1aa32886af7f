/**
 * Plain tables: columns as wide as their widest cell, or as the screen has room for; numbers to the right.
 */
import { screenWidth, wrapText } from './screen.ts';

const GAP = '  ';

/**
 * The rows under their header. Cells must be printable; where the table is wider than `width`, those of the
 * widest columns are broken at spaces, into several lines.
 */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  width: number = screenWidth(),
): string {
  const all = [header, ...rows];
  const columns = header.map((_, column) => all.map((row) => row[column] ?? ''));
  const widths = narrowed(
    columns.map((cells) => widest(cells)),
    columns.map((cells) => widest(cells.flatMap((cell) => cell.split(' ')))),
    width - GAP.length * (header.length - 1),
  );
  const numeric = header.map((_, column) =>
    rows.every((row) => /^$|^[-+]?[\d.,%±\s-]+$/.test(row[column] ?? '')),
  );
  const lines = (row: readonly string[]): string[] => {
    const cells = widths.map((columnWidth, column) => wrapText(row[column] ?? '', columnWidth));
    const height = Math.max(...cells.map((cell) => cell.length));
    return Array.from({ length: height }, (_, line) =>
      widths
        .map((columnWidth, column) => {
          const part = cells[column]?.[line] ?? '';
          return numeric[column] && row !== header ? part.padStart(columnWidth) : part.padEnd(columnWidth);
        })
        .join(GAP)
        .trimEnd(),
    );
  };
  const rule = widths.map((columnWidth) => '-'.repeat(columnWidth)).join(GAP);
  return [...lines(header), rule, ...rows.flatMap(lines)].join('\n');
}

/**
 * Widths that sum to no more than `room`, if columns as wide as their longest word do: the widest gives
 * first.
 */
function narrowed(widths: readonly number[], least: readonly number[], room: number): number[] {
  const given = [...widths];
  const excess = () => given.reduce((sum, width) => sum + width, 0) - room;
  while (excess() > 0) {
    const givers = given.flatMap((width, column) => (width > (least[column] ?? 0) ? [column] : []));
    if (givers.length === 0) break;
    const giver = givers.reduce((a, b) => ((given[b] ?? 0) > (given[a] ?? 0) ? b : a));
    given[giver] = (given[giver] ?? 0) - 1;
  }
  return given;
}

function widest(cells: readonly string[]): number {
  return Math.max(0, ...cells.map((cell) => cell.length));
}
