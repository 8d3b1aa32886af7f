/** The page: its head, its views, its keys. */

import { Compare } from 'page/compare.js';
import { Curves } from 'page/curves.js';
import { Failures } from 'page/failures.js';
import { Flow } from 'page/flow.js';
import { html } from 'page/html.js';
import { List } from 'page/list.js';
import { count, moment } from 'page/numbers.js';
import { addressOf, go, useAwaited, usePlace } from 'page/place.js';
import { isReport, reportInfo, source } from 'page/source.js';
import { Trajectory } from 'page/trajectory.js';
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

const VIEWS = [
  ['flow', 'Flow'],
  ['curves', 'Curves'],
  ['trajectories', 'Trajectories'],
  ['failures', 'Failures'],
  ['compare', 'Compare'],
].filter(([view]) => !(isReport && view === 'compare'));

const KEYS = [
  [`1 … ${VIEWS.length}`, 'the views'],
  ['/', 'search'],
  ['j  k', 'next and previous in a list, or trajectory'],
  ['Enter', 'open'],
  ['Esc', 'back to the list'],
  ['t', 'tokens or text of actions'],
  ['?', 'these keys'],
];

function Page() {
  const { view, query } = usePlace();
  const { value: runs, error } = useAwaited(() => source.runs(), []);
  const run = query.run || runs?.first;
  const { flow, isGone } = useLive(run);
  const about = useAwaited(() => (run ? source.about(run) : Promise.resolve(null)), [run]).value;
  const help = useRef(null);
  useKeys(query.run, help);
  useEffect(() => {
    if (run) document.title = `${run} · swirl ${isReport ? 'report' : 'watch'}`;
  }, [run]);
  if (error) return html`<main><p class="problem" role="alert">${error}</p></main>`;
  if (!run) return html`<main><p class="quiet">Opening…</p></main>`;
  const shown = { run, flow, about, query, runs: runs?.runs ?? [] };
  const here = view === 'trajectory' ? 'trajectories' : view;
  const failed = flow?.topics.find(({ name }) => name === 'failures')?.count ?? 0;
  return html`
    <header>
      <a class="name" href=${addressOf('flow', { run: query.run })}>swirl</a>
      ${
        runs.runs.length > 1
          ? html`<select aria-label="run" value=${run} onChange=${(event) => go(view === 'trajectory' ? 'trajectories' : view, { run: event.target.value })}>
            ${runs.runs.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
          </select>`
          : html`<span class="run">${run}</span>`
      }
      <${State} flow=${flow} isGone=${isGone} about=${about} />
      <nav aria-label="views">
        ${VIEWS.map(
          ([
            name,
            title,
          ]) => html`<a key=${name} href=${addressOf(name, { run: query.run })} aria-current=${here === name ? 'page' : undefined}>
            ${title}${name === 'flow' && flow?.alarms.length > 0 ? html`<span class="badge bad" title="alarms">${count(flow.alarms.length)}</span>` : null}${name === 'failures' && failed > 0 ? html`<span class="badge bad">${count(failed)}</span>` : null}
          </a>`,
        )}
        <button class="plain" aria-label="keys" title="keys" onClick=${() => help.current?.showModal()}>?</button>
      </nav>
    </header>
    ${isReport ? html`<p class="note">${reportInfo.note}</p>` : null}
    <main>
      ${view === 'flow' ? html`<${Flow} ...${shown} />` : null}
      ${view === 'curves' ? html`<${Curves} ...${shown} />` : null}
      ${view === 'trajectories' ? html`<${List} ...${shown} />` : null}
      ${view === 'trajectory' ? html`<${Trajectory} ...${shown} />` : null}
      ${view === 'failures' ? html`<${Failures} ...${shown} />` : null}
      ${view === 'compare' ? html`<${Compare} ...${shown} />` : null}
    </main>
    <dialog ref=${help} aria-label="keys">
      <h2>Keys</h2>
      <dl class="keys">${KEYS.map(([key, text]) => html`<dt><kbd>${key}</kbd></dt><dd>${text}</dd>`)}</dl>
      <form method="dialog"><button>Close</button></form>
    </dialog>`;
}

/** Whether the run goes on, in one word. */
function State({ flow, isGone, about }) {
  if (isReport) return html`<span class="state">${reportInfo.time ? moment(reportInfo.time) : ''}</span>`;
  if (isGone)
    return html`<span class="state bad" role="status">not connected: the run or \`swirl watch\` has ended</span>`;
  const lost = flow?.lost > 0 ? `, ${flow.lost} states lost: this browser is slow` : '';
  const waiting = flow?.stages.reduce((sum, stage) => sum + stage.waiting, 0);
  const still = waiting > 0 ? `nothing moves, ${count(waiting)} waiting` : 'all is consumed';
  const word = flow === null ? 'opening' : flow.moves ? 'running' : still;
  return html`<span class="state ${flow?.moves ? 'good' : ''}" role="status">
    ${about?.isEvaluation ? 'evaluation, ' : ''}${word}${lost}
  </span>`;
}

function useLive(run) {
  const [state, set] = useState({ flow: null, isGone: false });
  useEffect(() => {
    if (!run) return undefined;
    set({ flow: null, isGone: false });
    return source.live(
      run,
      (flow) => set({ flow, isGone: false }),
      () => set((before) => ({ ...before, isGone: true })),
    );
  }, [run]);
  return state;
}

/** Keys of the whole page; those of a view are its own (`data-key` on what they press). */
function useKeys(run, help) {
  useEffect(() => {
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const isWriting = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
      if (event.key === 'Escape' && isWriting) event.target.blur();
      if (isWriting || help.current?.open) return;
      const view = VIEWS[Number(event.key) - 1];
      const marked = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
      if (marked) {
        event.preventDefault();
        if (marked instanceof HTMLInputElement) marked.focus();
        else marked.click();
      } else if (event.key === '?') help.current?.showModal();
      else if (view) go(view[0], { run });
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [run]);
}

render(html`<${Page} />`, document.getElementById('page'));
