/** How many answers of each task are right: of one run, or of two beside each other. */
import { html } from 'page/html.js';
import { count, share } from 'page/numbers.js';

/** `outcomes`: of each run, as the server tells them; `names`: of the runs, above the columns. */
export function Outcomes({ outcomes, names }) {
  const tasks = [...new Set(outcomes.flatMap((one) => one.tasks.map(({ task }) => task)))].sort();
  if (tasks.length === 0) return null;
  const partly = outcomes.some(({ read, of }) => read < of);
  return html`<table><caption>Right answers${partly ? ' (of the trajectories read so far)' : ''}</caption>
    <thead><tr><th>task</th>${names.map((name, i) => html`<th key=${name} class="n ${i === 0 ? 'first' : 'second'}">${name}</th>`)}</tr></thead>
    <tbody>${tasks.map(
      (task) => html`<tr key=${task}><th scope="row">${task}</th>
        ${outcomes.map((one, i) => html`<td key=${i} class="n">${ofTask(one.tasks.find((found) => found.task === task))}</td>`)}
      </tr>`,
    )}</tbody></table>`;
}

function ofTask(outcome) {
  if (outcome === undefined) return '–';
  const { trajectories, known, right } = outcome;
  if (known === 0) return `${count(trajectories)} trajectories, no gold answers`;
  return `${share(right / known)} of ${count(known)}`;
}
