/**
 * Draws a topology in the terminal: the flow from left to right, broken into rows, with the cycle of turns
 * under `rollout`:
 *
 *   questions --> [start] --> turns --> [rollout] --> trajectories
 *                               ^           |
 *                               +- [tools] <+ tool-calls
 */
import { Canvas } from './canvas.ts';
import type { Graph, GraphStage } from './graph.ts';

export interface DrawOptions {
  /** Columns of the terminal. */
  readonly width: number;
  /** Whether it shows box-drawing characters. */
  readonly unicode: boolean;
}

/** The row of a box on which its arrows are. */
const LINE = 1;

/** The row of a box's lower edge. */
const EDGE = 3;

/** Longest note inside a box. */
const NOTE = 22;

/** The drawing, without a line end after the last line. Wider than `width` only where one stage alone is. */
export function drawGraph(graph: Graph, options: DrawOptions): string {
  const blocks = rowsOf(graph, options.width).map((row) => drawRow(graph, row, options.unicode));
  const notes = graph.inputs
    .filter(({ from }) => from !== 'fed')
    .map(({ topic, from }) => `${topic}: read from ${printable(from)}`);
  for (const stage of graph.stages) {
    const others =
      stage.name === 'rollout' ? [] : stage.writes.filter((topic) => topic !== mainOutput(stage));
    if (others.length > 0) notes.push(`${stage.name} ${arrow(options.unicode)} ${others.join(', ')}`);
  }
  if (graph.stages.length > 0) notes.push(`any stage ${arrow(options.unicode)} failures`);
  return [...blocks, ...notes].join('\n\n');
}

/** The stages of the main line (tools is drawn inside the cycle), as many in a row as fit. */
function rowsOf(graph: Graph, width: number): GraphStage[][] {
  const rows: GraphStage[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const stage of graph.stages) {
    if (stage.name === 'tools' && graph.stages.some(({ name }) => name === 'rollout')) continue;
    const row = rows.at(-1);
    const before = row?.at(-1);
    const joined = before !== undefined && mainOutput(before) === stage.reads;
    const more = boxWidth(stage) + mainOutput(stage).length + 10;
    if (row !== undefined && joined && used + Math.max(more, cycleWidth(graph, stage)) <= width) {
      row.push(stage);
      used += more;
    } else {
      rows.push([stage]);
      used = stage.reads.length + 5 + more;
    }
  }
  return rows;
}

function drawRow(graph: Graph, stages: readonly GraphStage[], unicode: boolean): string {
  const canvas = new Canvas(unicode);
  const point = arrow(unicode);
  let column = 0;
  let turns: number | null = null;
  for (const [index, stage] of stages.entries()) {
    if (index === 0) {
      if (stage.reads === 'turns') turns = Math.floor(stage.reads.length / 2);
      canvas.put(LINE, 0, `${stage.reads} ${point} `);
      column = stage.reads.length + point.length + 2;
    }
    const width = canvas.box(0, column, boxLines(stage));
    const box = { left: column, right: column + width - 1 };
    column += width;
    const output = mainOutput(stage);
    canvas.put(LINE, column, ` ${point} ${output} ${index + 1 < stages.length ? `${point} ` : ''}`);
    const outputAt = column + point.length + 2;
    if (stage.name === 'rollout' && turns !== null) drawCycle(canvas, graph, { turns, ...box });
    if (output === 'turns') turns = outputAt + 2;
    column = outputAt + output.length + point.length + 2;
  }
  return canvas.text();
}

/**
 * From the bottom of `rollout` to `tools` and back up to `turns`; a rollout may also go on without a tool.
 */
function drawCycle(
  canvas: Canvas,
  graph: Graph,
  at: { readonly turns: number; readonly left: number; readonly right: number },
): void {
  const { strokes } = canvas;
  const tools = graph.stages.find((stage) => stage.name === 'tools');
  const middle = Math.floor((at.left + at.right) / 2);
  canvas.put(EDGE, middle, strokes.down);
  canvas.put(LINE + 1, at.turns, strokes.up);
  if (tools === undefined) {
    canvas.vertical(at.turns, LINE + 2, EDGE + 1);
    canvas.vertical(middle, EDGE + 1, EDGE + 1);
    canvas.put(EDGE + 2, at.turns, strokes.bottomLeft);
    canvas.horizontal(EDGE + 2, at.turns + 1, middle - 1);
    canvas.put(EDGE + 2, middle, strokes.bottomRight);
    return;
  }
  const [top, middleRow, low] = [EDGE + 1, EDGE + 1 + LINE, 2 * EDGE + 2];
  canvas.vertical(middle, EDGE + 1, middleRow - 1);
  const point = arrow(strokes.right !== '>');
  const start = `${strokes.bottomLeft}${point} tool-calls ${point} `;
  canvas.put(middleRow, middle, start);
  const left = middle + start.length;
  const end = left + canvas.box(top, left, boxLines(tools)) + 2;
  canvas.horizontal(middleRow, end - 2, end - 1);
  canvas.put(middleRow, end, strokes.topRight);
  canvas.vertical(end, middleRow + 1, low - 1);
  canvas.put(low, end, strokes.bottomRight);
  canvas.horizontal(low, at.turns + 1, end - 1);
  canvas.put(low, at.turns, strokes.bottomLeft);
  canvas.vertical(at.turns, LINE + 2, low - 1);
}

/** Name and note; always two lines, so that the arrows of a row are on one line. */
function boxLines(stage: GraphStage): string[] {
  return [stage.name, shortNote(stage)];
}

function boxWidth(stage: GraphStage): number {
  return Math.max(stage.name.length, [...shortNote(stage)].length) + 4;
}

/** Columns from a rollout's left edge to the right end of its cycle. */
function cycleWidth(graph: Graph, stage: GraphStage): number {
  const tools = graph.stages.find(({ name }) => name === 'tools');
  if (stage.name !== 'rollout' || tools === undefined) return 0;
  return Math.ceil(boxWidth(stage) / 2) + '└──▶ tool-calls ──▶ '.length + boxWidth(tools) + 3;
}

function shortNote(stage: GraphStage): string {
  const note = [...printable(stage.note)];
  return note.length > NOTE ? `${note.slice(0, NOTE - 3).join('')}...` : note.join('');
}

/** The output that the main line goes on with: a rollout's is its trajectories. */
function mainOutput(stage: GraphStage): string {
  return (
    (stage.name === 'rollout' ? stage.writes.find((topic) => topic === 'trajectories') : stage.writes[0]) ??
    ''
  );
}

function arrow(unicode: boolean): string {
  return unicode ? '──▶' : '-->';
}

/** Names without control characters and wide or combining ones: one column each. */
function printable(text: string): string {
  return [...text]
    .map((character) => (/[\x20-\x7e\u00a1-\u024f]/.test(character) ? character : '?'))
    .join('');
}
