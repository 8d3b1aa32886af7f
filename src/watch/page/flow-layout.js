/** Where the stages of a flow stand: in columns by what they read, the columns in as many rows as they need. */

const GAP = { x: 104, y: 46, row: 64 };
const WIDEST_GAP = 170;
const EDGE = 16;

/** Stages with their places, for a drawing of this width. */
export function layout(stages, width) {
  const size = { width: 176, height: 86 };
  const room = width - 2 * EDGE - 16;
  const columns = columnsOf(stages);
  const fit = Math.max(1, Math.floor((room + GAP.x) / (size.width + GAP.x)));
  // Rows of about the same length.
  const perRow = Math.ceil(columns.length / Math.ceil(columns.length / fit));
  const left = perRow > 1 ? (room - perRow * size.width) / (perRow - 1) : 0;
  const gap = Math.max(GAP.x, Math.min(WIDEST_GAP, left));
  const nodes = [];
  let y = EDGE + 18;
  for (let first = 0; first < columns.length; first += perRow) {
    const row = columns.slice(first, first + perRow);
    const lanes = Math.max(...row.map((column) => column.length));
    for (const [i, column] of row.entries()) {
      for (const [lane, stage] of column.entries()) {
        // One below the other they would hide each other's arrows.
        const indent = perRow === 1 ? 20 + lane * 36 : 0;
        const x = EDGE + i * (size.width + gap) + indent;
        const at = { column: first + i, row: first / perRow, lane };
        nodes.push({ stage, x, y: y + lane * (size.height + GAP.y), ...at });
      }
    }
    y += lanes * (size.height + GAP.y) - GAP.y + GAP.row;
  }
  return { nodes, size, height: y - GAP.row + EDGE + 30 };
}

/** The stages by how many come before them; those that lead back below those that lead on. */
function columnsOf(stages) {
  const ranks = ranksOf(stages);
  const columns = Array.from({ length: Math.max(0, ...ranks) + 1 }, () => []);
  for (const [i, stage] of stages.entries()) columns[ranks[i]].push(stage);
  const isBack = (stage) => Number(isLoop(stage, stages));
  for (const column of columns) column.sort((a, b) => isBack(a) - isBack(b));
  return columns.filter((column) => column.length > 0);
}

/** How many stages come before each; what leads back to an earlier stage does not count. */
function ranksOf(stages) {
  const ranks = [];
  for (const [i, stage] of stages.entries()) {
    const before = stages.slice(0, i).map((one, j) => (one.writes.includes(stage.reads) ? ranks[j] + 1 : 0));
    ranks.push(Math.max(0, ...before));
  }
  return ranks;
}

/** Whether a stage writes only what an earlier one reads: it stands beside the way on. */
function isLoop(stage, stages) {
  const at = stages.indexOf(stage);
  return (
    stage.writes.length > 0 &&
    stage.writes.every((topic) => stages.slice(0, at).some(({ reads }) => reads === topic))
  );
}

/** The topics as arrows between the stages, with what they hold. */
export function edgesOf(flow, nodes, size) {
  const topics = new Map(flow.topics.map((topic) => [topic.name, topic]));
  const edges = [];
  const state = (name) => {
    const topic = topics.get(name);
    return { topic: name, count: topic?.count ?? 0, moves: (topic?.perSecond ?? 0) > 0 };
  };
  const written = new Set(nodes.flatMap(({ stage }) => stage.writes));
  for (const node of nodes) {
    const { reads, writes } = node.stage;
    if (!written.has(reads)) {
      const { done, waiting } = node.stage;
      const topic = state(reads);
      // A replay reads the topic of another run: what that holds is what there is to read.
      const count = Math.max(topic.count, done + waiting);
      edges.push({ key: `in ${node.stage.name}`, ...topic, count, ...entering(node, size) });
    }
    const outs = writes.filter((topic) => !nodes.some(({ stage }) => stage.reads === topic));
    for (const [i, topic] of outs.entries()) {
      edges.push({ key: `out ${node.stage.name} ${topic}`, ...state(topic), ...leaving(node, size, i) });
    }
    for (const topic of writes) {
      for (const to of nodes.filter(({ stage }) => stage.reads === topic)) {
        edges.push({
          key: `${node.stage.name} ${topic} ${to.stage.name}`,
          ...state(topic),
          ...between(node, to, size),
        });
      }
    }
  }
  return withoutDoubles(edges);
}

/** A topic is named once: at the first of its arrows. */
function withoutDoubles(edges) {
  const named = new Set();
  return edges.map((edge) => {
    if (named.has(edge.topic)) return { ...edge, label: null };
    named.add(edge.topic);
    return edge;
  });
}

function entering({ x, y }, { width }) {
  const at = x + width / 2;
  return { path: `M${at} ${y - 22} V${y - 2}`, label: { x: at + 8, y: y - 10, anchor: 'start' } };
}

function leaving({ x, y }, { width, height }, i) {
  const at = x + width / 2 - i * 40;
  const bottom = y + height;
  return { path: `M${at} ${bottom} v22`, label: { x: at + 8, y: bottom + 16 + i * 14, anchor: 'start' } };
}

function between(from, to, { width, height }) {
  const isSameRow = from.row === to.row;
  if (isSameRow && to.column > from.column) {
    const [x1, y1, x2, y2] = [from.x + width, from.y + height / 2, to.x - 2, to.y + height / 2];
    const bend = (x2 - x1) / 2;
    const label = {
      x: (x1 + x2) / 2,
      y: from.lane === to.lane ? y1 - 22 : (y1 + y2) / 2 + 18,
      anchor: 'middle',
    };
    return {
      path: `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`,
      label: twoLines(label),
    };
  }
  if (to.y > from.y) return down(from, to, { width, height });
  return { ...back(from, to, { width, height }), isBack: true };
}

/** To a later row: out at the side, along between the rows, in from above. */
function down(from, to, { width, height }) {
  const [x1, y1] = [from.x + width, from.y + height / 2];
  const [x2, y2] = [to.x + width / 2, to.y - 2];
  const label = { x: x2 + 8, y: y2 - 10, anchor: 'start' };
  const isNext = to.lane === 0 && from.x === to.x && to.y - from.y < height + 80;
  if (isNext) return { path: `M${x2} ${from.y + height} V${y2}`, label };
  // What stands one below the other is passed at the side of all of it.
  const passes = to.column - from.column > 0 && from.lane === 0 && to.lane === 0 && to.x === from.x;
  const side = x1 + (passes ? 62 : 16);
  const middle = y2 - 30;
  const turn = x2 < side ? -8 : 8;
  const across = `V${middle - 8} Q${side} ${middle} ${side + turn} ${middle} H${x2 - turn}`;
  const path = `M${x1} ${y1} H${side - 8} Q${side} ${y1} ${side} ${y1 + 8} ${across} Q${x2} ${middle} ${x2} ${middle + 8} V${y2}`;
  return { path, label };
}

/** To an earlier stage, or to itself. */
function back(from, to, { width, height }) {
  const [x1, y1] = [from.x, from.y + height / 2];
  if (from === to) {
    return { path: `M${x1} ${y1 + 24} h-8 q-8 0 -8 -8 v-8 q0 -8 8 -8 H${x1 - 2}`, label: null };
  }
  const x2 = to.x + width / 2 - 30;
  const path =
    x1 > x2 && from.row === to.row
      ? `M${x1} ${y1} H${x2 + 8} Q${x2} ${y1} ${x2} ${y1 - 8} V${to.y + height + 2}`
      : `M${x1} ${y1} H${to.x - 8} q-8 0 -8 -8 V${to.y + height / 2 + 8} q0 -8 8 -8 H${to.x - 2}`;
  return { path, label: { x: x2 + 8, y: y1 - 8, anchor: 'start' } };
}

function twoLines(label) {
  return { ...label, y: label.y + 12 };
}
