/**
 * Draws the demo's result for the README: `swirl demo --json | npm run draw-demo` writes
 * docs/images/demo.svg, and beside it the figures that it shows. A test draws it again from those.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { printable } from '../src/monitor/printable.ts';

interface Estimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

interface Change {
  readonly before: Estimate;
  readonly after: Estimate;
}

/** What is read of the demo's object: `intervals` by way of decoding, measure and task. */
export interface DemoFigures {
  readonly questions: number;
  readonly updates: number;
  readonly seconds: number;
  readonly device: string;
  readonly intervals: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Change>>>>>>;
}

const WIDTH = 760;
/** Where 0 and 100 % are. */
const [LEFT, RIGHT] = [268, 640];
const TOP = 96;
const ROW = 30;
const GROUP = 18;

const rows = [
  ['sampled', 'accuracy', 'right answers', 'sampled'],
  ['greedy', 'accuracy', 'right answers', 'greedy'],
  ['sampled', 'goodSteps', 'good steps', 'sampled'],
  ['greedy', 'goodSteps', 'good steps', 'greedy'],
] as const;
const tasks = ['search', 'math'] as const;

/**
 * The picture, of any figures: the same ones give the same bytes. It follows a page's light or dark colors.
 */
export function drawDemo({ questions, updates, seconds, device, intervals }: DemoFigures): string {
  const at = (share: number) => round(LEFT + share * (RIGHT - LEFT));
  const marks: string[] = [];
  let y = TOP;
  for (const task of tasks) {
    marks.push(`<text class="task" x="24" y="${y + 4}">${task}</text>`);
    for (const [decoding, measure, title, how] of rows) {
      const change = intervals[decoding]?.[measure]?.[task];
      if (change === undefined) throw new Error(`the demo's object has no ${decoding}, ${measure}, ${task}`);
      marks.push(row(change, { y, at, label: `${title}, ${how}` }));
      y += ROW;
    }
    y += GROUP;
  }
  const bottom = y - GROUP - ROW / 2 + 4;
  const axis = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<line class="grid" x1="${at(share)}" y1="${TOP - 20}" x2="${at(share)}" y2="${bottom}"/>` +
      `<text class="axis" x="${at(share)}" y="${bottom + 18}">${share * 100} %</text>`,
  );
  const height = bottom + 36;
  const [driver = device] = device.split(':');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>What the demo learned: shares of right answers and of good steps before and after, with 95% intervals</title>
<style>
text { font: 14px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
.head { font-size: 16px; font-weight: 600; }
.sub, .axis, .how { fill: #59636e; }
.axis { font-size: 12px; text-anchor: middle; }
.task { font-weight: 600; }
.value { text-anchor: end; }
.grid { stroke: #d1d9e0; }
.before { fill: #8c959f; stroke: #8c959f; }
.after { fill: #1a7f5a; stroke: #1a7f5a; }
.gain { stroke: #1a7f5a; stroke-width: 2; stroke-dasharray: 2 3; }
.span { stroke-width: 6; stroke-opacity: 0.3; stroke-linecap: round; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; }
.sub, .axis, .how { fill: #9198a1; }
.grid { stroke: #3d444d; }
.after { fill: #3fb98a; stroke: #3fb98a; }
.gain { stroke: #3fb98a; }
}
</style>
<text class="head" x="24" y="28">${questions} questions, ${updates} updates, ${Math.round(seconds)} seconds on ${escaped(driver)}</text>
<circle class="before" cx="30" cy="50" r="5"/><text class="sub" x="42" y="55">before</text>
<circle class="after" cx="106" cy="50" r="5"/><text class="sub" x="118" y="55">after, on held-out questions; bands are 95% intervals</text>
${[...axis, ...marks].join('\n')}
</svg>
`;
}

function row(
  { before, after }: Change,
  { y, at, label }: { readonly y: number; readonly at: (share: number) => number; readonly label: string },
): string {
  const point = (name: string, { mean, low, high }: Estimate) =>
    `<line class="span ${name}" x1="${at(low)}" y1="${y}" x2="${at(high)}" y2="${y}"/>` +
    `<circle class="${name}" cx="${at(mean)}" cy="${y}" r="5"/>`;
  return [
    `<text class="how" x="90" y="${y + 4}">${label}</text>`,
    `<line class="gain" x1="${at(before.mean)}" y1="${y}" x2="${at(after.mean)}" y2="${y}"/>`,
    point('before', before),
    point('after', after),
    `<text class="value" x="${WIDTH - 24}" y="${y + 4}">${percent(before)} → ${percent(after)} %</text>`,
  ].join('\n');
}

/** The driver's name is its own: it may hold anything. */
function escaped(text: string): string {
  return printable(text, 40).replace(/[<&]/g, ' ');
}

function percent({ mean }: Estimate): string {
  return (100 * mean).toFixed(0);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lines = (await text(process.stdin)).trimEnd().split('\n');
  const figures = JSON.parse(lines.at(-1) ?? '') as DemoFigures;
  const folder = fileURLToPath(new URL('../docs/images/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}demo.json`, `${JSON.stringify(figures, null, 2)}\n`);
  writeFileSync(`${folder}demo.svg`, drawDemo(figures));
}
