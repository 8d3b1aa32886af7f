/** The list of trajectories, newest first, with search and filters. */

import { html } from 'page/html.js';
import { count, measure } from 'page/numbers.js';
import { addressOf, change, go } from 'page/place.js';
import { source } from 'page/source.js';
import { useEffect, useRef, useState } from 'preact/hooks';

const FILTERS = [
  [
    'label',
    'a step is',
    [
      ['GOOD', 'GOOD'],
      ['BAD', 'BAD'],
      ['UNKNOWN', 'UNKNOWN'],
    ],
  ],
  [
    'right',
    'answer',
    [
      ['yes', 'right'],
      ['no', 'wrong'],
    ],
  ],
  [
    'accepted',
    'filter',
    [
      ['yes', 'accepted'],
      ['no', 'not accepted'],
    ],
  ],
  [
    'end',
    'end',
    [
      ['ANSWERED', 'answered'],
      ['OUT_OF_STEPS', 'out of steps'],
      ['OUT_OF_CONTEXT', 'out of context'],
    ],
  ],
];

/** The list that a trajectory was opened from: what is before and after it there. */
export const shownList = { items: [] };

export function List({ run, flow, about, query }) {
  const { run: _, ...filters } = query;
  const key = JSON.stringify([run, filters]);
  const [state, set] = useState({ items: [], next: null, scanned: 0, isReading: true, error: null });
  const there = flow?.topics.find(({ name }) => name === 'trajectories')?.count ?? 0;
  // How many there were when the list was read; null: the flow is not known yet.
  const [known, setKnown] = useState(null);
  const read = known ?? there;
  const setRead = (count) => setKnown(flow === null ? null : count);
  const asked = useRef(0);
  const more = async (before) => {
    const turn = ++asked.current;
    set({ ...before, isReading: true });
    try {
      const next = before.next?.join(',') ?? '';
      const page = await source.trajectories(run, { ...filters, next });
      if (turn !== asked.current) return;
      set({
        items: [...before.items, ...page.items].slice(0, MOST),
        next: before.items.length + page.items.length >= MOST ? null : page.next,
        scanned: before.scanned + page.scanned,
        known: page.known,
        isReading: false,
        error: null,
      });
    } catch (error) {
      if (turn === asked.current) set({ ...before, isReading: false, error: error.message });
    }
  };
  useEffect(() => {
    setRead(there);
    void more({ items: [], next: null, scanned: 0 });
  }, [key]);
  useEffect(() => {
    if (known === null && flow !== null) setKnown(there);
  }, [flow === null]);
  const isEmpty = state.items.length === 0 && !state.isReading;
  // While it is looked at nothing moves under the pointer; an empty list fills by itself.
  useEffect(() => {
    if (isEmpty && there > read && Object.keys(filters).length === 0) {
      setRead(there);
      void more({ items: [], next: null, scanned: 0 });
    }
  }, [there]);
  shownList.items = state.items;
  return html`
    <${Filters} filters=${filters} tasks=${about?.tasks ?? []} run=${query.run} />
    ${
      there > read
        ? html`<button onClick=${() => {
            setRead(there);
            void more({ items: [], next: null, scanned: 0 });
          }}>${count(there - read)} new: show them</button>`
        : null
    }
    ${state.error ? html`<p class="problem" role="alert">${state.error}</p>` : null}
    <${Rows} items=${state.items} run=${query.run} />
    <p class="quiet" role="status">${summary(state, there)}</p>
    ${there === 0 && about?.source ? html`<p class="note">This run begins with <code>${about.source.topic}</code> of the run <a href=${addressOf('trajectories', { run: about.source.run })}>${about.source.run}</a>, where its trajectories are.</p>` : null}
    ${state.next !== null && !state.isReading ? html`<button data-key="m" onClick=${() => more(state)}>More</button>` : null}`;
}

/** Rows that a page holds. */
const MOST = 2000;

function summary({ items, scanned, isReading, next, known }, there) {
  if (isReading) return 'Reading…';
  const joined =
    known && known.read < known.of
      ? ` Verdicts are being found: ${count(known.read)} of ${count(known.of)} so far.`
      : '';
  if (items.length >= MOST) return `The newest ${count(MOST)} that meet this. Filter for others.`;
  if (there === 0) return 'No trajectories yet.';
  const whole = next === null ? 'all' : 'the newest';
  return `${count(items.length)} shown, of ${whole} ${count(scanned)} looked at.${joined}`;
}

function Filters({ filters, tasks, run }) {
  const [text, setText] = useState(filters.search ?? '');
  const timer = useRef(0);
  const setFilter = (name, value) => change('trajectories', { run, ...filters, [name]: value });
  const write = (event) => {
    setText(event.target.value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setFilter('search', event.target.value), 250);
  };
  const all = tasks.length > 1 ? [['task', 'task', tasks.map((task) => [task, task])], ...FILTERS] : FILTERS;
  return html`<form class="filters" role="search" onSubmit=${(event) => {
    event.preventDefault();
    event.target.querySelector('input').blur();
  }}>
    <input type="search" placeholder="Search questions, actions, answers  ( / )" aria-label="search" data-key="/" value=${text} onInput=${write} maxlength="200" />
    ${all.map(
      ([name, title, choices]) => html`<label key=${name}>${title}
        <select name=${name} value=${filters[name] ?? ''} onChange=${(event) => setFilter(name, event.target.value)}>
          <option value="">any</option>
          ${choices.map(([value, label]) => html`<option value=${value}>${label}</option>`)}
        </select>
      </label>`,
    )}
  </form>`;
}

function Rows({ items, run }) {
  const [chosen, choose] = useState(-1);
  const list = useRef(null);
  const move = (by) => {
    const next = Math.max(0, Math.min(items.length - 1, chosen + by));
    choose(next);
    list.current?.children[next]?.querySelector('a')?.focus();
  };
  return html`
    <button class="unseen" tabindex="-1" data-key="j" onClick=${() => move(1)}>next</button>
    <button class="unseen" tabindex="-1" data-key="k" onClick=${() => move(-1)}>previous</button>
    <ol class="rows" ref=${list}>
      ${items.map(
        (item, i) => html`<li key=${item.place} class=${i === chosen ? 'chosen' : ''}>
          <a href=${addressOf('trajectory', { run, place: item.place })} onFocus=${() => choose(i)}>
            <${Id} id=${item.id} />
            <span class="question">${item.question}</span>
            <span class="answer">${item.answer ?? html`<i class="quiet">${item.end === 'ANSWERED' ? '' : endText(item.end)}</i>`}</span>
            <${Outcome} item=${item} />
            <${Labels} labels=${item.labels} rewards=${item.rewards} />
          </a>
        </li>`,
      )}
    </ol>`;
}

/** The question's name may be cut, which rollout it is not. */
function Id({ id }) {
  const at = id.lastIndexOf('/');
  return html`<span class="id" title=${id}><span>${at < 0 ? id : id.slice(0, at)}</span>${at < 0 ? null : html`<span>${id.slice(at)}</span>`}</span>`;
}

export function endText(end) {
  return end.toLowerCase().replaceAll('_', ' ');
}

function Outcome({ item }) {
  const right = item.right === null ? '' : item.right ? '✓ right' : '✗ wrong';
  return html`<span class="outcome">
    <span class=${item.right ? 'good' : 'bad'}>${right}</span>${item.accepted ? html` <span class="badge">accepted</span>` : null}
  </span>`;
}

/** Each step's verdict by a letter and a color. */
export function Labels({ labels, rewards }) {
  return html`<span class="labels">${labels.map((label, i) => {
    const reward = rewards[i];
    const title = `step ${i}: ${label ?? 'not judged'}${reward == null ? '' : `, reward ${measure(reward)}`}`;
    return html`<span key=${i} class="label ${(label ?? 'none').toLowerCase()}" title=${title} aria-label=${title}>${label === null ? '·' : label === 'UNKNOWN' ? '?' : label[0]}</span>`;
  })}</span>`;
}

/** The trajectory before or after one in the list, if it is there. */
function besideInList(place, by) {
  const at = shownList.items.findIndex((item) => item.place === place);
  return at < 0 ? null : (shownList.items[at + by] ?? null);
}

/**
 * Opens the one before or after: of the list that it was opened from, or else of the topic (`newer`, `older`),
 * newest first as in a list.
 */
export function openBeside({ place, newer, older }, by, run) {
  const to = besidePlace({ place, newer, older }, by);
  if (to) go('trajectory', { run, place: to });
}

export function besidePlace({ place, newer, older }, by) {
  const isListed = shownList.items.some((item) => item.place === place);
  if (isListed) return besideInList(place, by)?.place ?? null;
  return (by < 0 ? newer : older) ?? null;
}
