/** Two runs side by side: what differs in their settings, what became of each, their curves over each other. */

import { Plots } from 'page/curves.js';
import { html } from 'page/html.js';
import { count } from 'page/numbers.js';
import { Outcomes } from 'page/outcomes.js';
import { go, useAwaited } from 'page/place.js';
import { source } from 'page/source.js';

export function Compare({ run, runs, query }) {
  const others = runs.filter((name) => name !== run);
  const other = query.with ?? '';
  const pick = html`<p class="bar"><label>${run} beside
    <select aria-label="the other run" value=${other} onChange=${(event) => go('compare', { run: query.run, with: event.target.value })}>
      <option value="">choose a run</option>
      ${others.map((name) => html`<option value=${name}>${name}</option>`)}
    </select></label></p>`;
  if (others.length === 0) return html`<p class="empty">There is no other run in this folder.</p>`;
  return html`${pick}${other === '' ? null : html`<${Beside} key=${other} run=${run} other=${other} />`}`;
}

function Beside({ run, other }) {
  const names = [run, other];
  const all = (what) => Promise.all(names.map((name) => source[what](name)));
  const { value, error } = useAwaited(async () => {
    const [abouts, flows, curves] = [await all('about'), await all('flow'), await all('curves')];
    const outcomes = await all('outcomes');
    return { abouts, flows, outcomes, curves: curves.map((curve, i) => ({ run: names[i], ...curve })) };
  }, [run, other]);
  if (error) return html`<p class="problem" role="alert">${error}</p>`;
  if (value === null) return html`<p class="quiet">Reading…</p>`;
  const { abouts, flows, outcomes, curves } = value;
  const differing = differences(abouts.map(({ settings }) => new Map(settings)));
  const topics = [...new Set(flows.flatMap((flow) => flow.topics.map(({ name }) => name)))];
  const records = (i, topic) => flows[i].topics.find(({ name }) => name === topic)?.count;
  const head = html`<thead><tr><th></th><th class="first">${run}</th><th class="second">${other}</th></tr></thead>`;
  return html`
    <div class="tables"><${Outcomes} outcomes=${outcomes} names=${names} /></div>
    ${curves.some(({ points }) => points.length > 0) ? html`<${Plots} curves=${curves} />` : null}
    <div class="tables">
      <table><caption>Settings that differ</caption>${head}<tbody>
        ${differing.map(([path, a, b]) => html`<tr key=${path}><th scope="row">${path}</th><td>${a}</td><td>${b}</td></tr>`)}
        ${differing.length === 0 ? html`<tr><td colspan="3" class="quiet">none</td></tr>` : null}
      </tbody></table>
      <table><caption>Records</caption>${head}<tbody>
        ${topics.map((topic) => html`<tr key=${topic}><th scope="row">${topic}</th><td class="n">${count(records(0, topic))}</td><td class="n">${count(records(1, topic))}</td></tr>`)}
      </tbody></table>
    </div>`;
}

function differences([a, b]) {
  const paths = [...new Set([...a.keys(), ...b.keys()])];
  const rows = new Map();
  for (const path of paths) {
    if (path === 'run' || a.get(path) === b.get(path)) continue;
    // What one of them has nothing of (a stage, say) is one row.
    const whole = a.has(path) && b.has(path) ? path : shortest(path, a.has(path) ? b : a);
    const shown = (settings) =>
      (whole === path ? settings.get(path) : settings.has(path) ? 'there' : null) ?? '–';
    if (!rows.has(whole)) rows.set(whole, [whole, shown(a), shown(b)]);
  }
  return [...rows.values()];
}

/** The shortest beginning of a path below which these settings have nothing. */
function shortest(path, settings) {
  const names = path.split('.');
  for (let length = 1; length < names.length; length++) {
    const head = names.slice(0, length).join('.');
    if (![...settings.keys()].some((one) => one === head || one.startsWith(`${head}.`))) return head;
  }
  return path;
}
