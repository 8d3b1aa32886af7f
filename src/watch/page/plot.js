/** One curve over the updates, or one of each of two runs, with the value under the pointer read out. */

import { html } from 'page/html.js';
import { measure } from 'page/numbers.js';
import { useEffect, useRef, useState } from 'preact/hooks';
import Plot from 'uplot';

const HEIGHT = 170;

/** Colors as the page has them, which differ between light and dark. */
function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Changes when the colors do. */
export function useScheme() {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const [isDark, set] = useState(dark.matches);
  useEffect(() => {
    const follow = () => set(dark.matches);
    dark.addEventListener('change', follow);
    return () => dark.removeEventListener('change', follow);
  }, []);
  return isDark;
}

/**
 * `curves`: `{ run, points }` of one or two runs. What is under the pointer is shown in every plot of a page at
 * the same update.
 */
export function Curve({ title, about, name, curves, isDark, show = measure }) {
  const box = useRef(null);
  const plot = useRef(null);
  const [at, setAt] = useState(null);
  const data = joined(
    curves.map(({ points }) => points),
    name,
  );
  useEffect(() => {
    const strokes = [color('curve'), color('curve-2')];
    const axis = {
      stroke: color('quiet'),
      grid: { stroke: color('line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui',
    };
    plot.current = new Plot(
      {
        width: box.current.clientWidth || 300,
        height: HEIGHT,
        legend: { show: false },
        cursor: { sync: { key: 'updates', setSeries: false }, y: false, points: { size: 6 } },
        scales: { x: { time: false }, y: { range: roomy } },
        axes: [
          { ...axis, size: 26 },
          { ...axis, size: 52, values: (_, values) => values.map((value) => show(value)) },
        ],
        series: [
          {},
          ...curves.map((_, i) => ({
            stroke: strokes[i],
            width: 1.6,
            spanGaps: true,
            points: { show: data[0].length < 60, size: 4 },
          })),
        ],
        hooks: { setCursor: [({ cursor }) => setAt(cursor.idx ?? null)] },
      },
      data,
      box.current,
    );
    const observer = new ResizeObserver(([entry]) =>
      plot.current?.setSize({ width: entry.contentRect.width, height: HEIGHT }),
    );
    observer.observe(box.current);
    return () => {
      observer.disconnect();
      plot.current.destroy();
    };
  }, [isDark, curves.length, name]);
  useEffect(() => plot.current?.setData(data), [curves]);
  const index = at ?? lastKnown(data);
  return html`<figure class="plot" data-curve=${name}>
    <figcaption title=${about}>
      <b>${title}</b>
      <span class="read">${curves.map(({ run }, i) => html`<span key=${run} class=${i === 0 ? 'first' : 'second'}>${show(data[i + 1]?.[index] ?? null)}</span>`)}
        <span class="quiet"> at ${data[0][index] ?? '–'}</span></span>
    </figcaption>
    <div ref=${box}></div>
  </figure>`;
}

/** Steps of all runs, and per run the value at each. */
function joined(runs, name) {
  const steps = [...new Set(runs.flatMap((points) => points.map(({ step }) => step)))].sort((a, b) => a - b);
  const values = runs.map((points) => {
    const known = new Map(points.map((point) => [point.step, point[name]]));
    return steps.map((step) => known.get(step) ?? null);
  });
  return [steps, ...values];
}

/** A little room above and below, also where all is the same; none below 0 or above it where nothing is there. */
function roomy(_, low, high) {
  if (low == null || high == null || (low === 0 && high === 0)) return [0, 1];
  const room = (high - low) * 0.08 || Math.abs(high) * 0.1;
  return [
    low >= 0 ? Math.max(0, low - room) : low - room,
    high <= 0 ? Math.min(0, high + room) : high + room,
  ];
}

/** The last update that a curve has a value at: the others may be of passes in which nothing is measured. */
function lastKnown([steps, ...values]) {
  for (let i = steps.length - 1; i > 0; i--) if (values.some((all) => all[i] != null)) return i;
  return 0;
}
