/** Where the page has its data from: the server that sent it, or what a report carries within itself. */

/** @param {string} id */
const kept = document.getElementById('data')?.textContent;
const report = kept ? JSON.parse(kept) : null;

/** Whether this page is a file that was sent, which has a sample of one run and no server. */
export const isReport = report !== null;

export const reportInfo = report?.report ?? null;

async function ask(path, query) {
  const search = new URLSearchParams(
    Object.entries(query).filter(([, value]) => value !== '' && value != null),
  );
  const response = await fetch(`/api/${path}?${search}`);
  if (response.ok) return response.json();
  const text = await response.text();
  let message = text;
  try {
    message = JSON.parse(text).error ?? text;
  } catch {}
  throw new Error(response.status === 404 && message.startsWith('There is nothing') ? 'not found' : message);
}

export const source = isReport ? fromReport(report) : fromServer();

function fromServer() {
  return {
    runs: () => ask('runs', {}),
    about: (run) => ask('about', { run }),
    curves: (run) => ask('curves', { run }),
    failures: (run) => ask('failures', { run }),
    outcomes: (run) => ask('outcomes', { run }),
    flow: (run) => ask('flow', { run }),
    trajectories: (run, query) => ask('trajectories', { run, ...query }),
    trajectory: (run, where) => ask('trajectory', { run, ...where }),
    /** Calls `onFlow` with the state of the flow as it changes, `onGone` when the server cannot be reached. */
    live(run, onFlow, onGone) {
      const events = new EventSource(`/api/live?run=${encodeURIComponent(run)}`);
      events.addEventListener('flow', (event) => onFlow(JSON.parse(event.data)));
      events.onerror = () => onGone();
      return () => events.close();
    },
  };
}

function fromReport({ about, flow, curves, failures, outcomes, trajectories }) {
  const items = trajectories.map(({ item }) => item);
  return {
    runs: async () => ({ first: about.run, runs: [about.run] }),
    about: async () => about,
    curves: async () => curves,
    failures: async () => failures,
    outcomes: async () => outcomes,
    flow: async () => flow,
    trajectories: async (_run, query) => ({
      items: items.filter((item, i) => meets(item, trajectories[i].view, query)),
      next: null,
      scanned: items.length,
      known: { read: 1, of: 1 },
    }),
    trajectory: async (_run, { place, id }) => {
      const found = trajectories.find(({ item }) => item.place === place || item.id === id);
      if (!found) throw new Error('not found');
      // Those beside it in the topic are not in the sample.
      return { ...found.view, newer: null, older: null };
    },
    live(_run, onFlow) {
      onFlow(flow);
      return () => {};
    },
  };
}

/** What the server does for the whole run, on the sample. */
function meets(item, view, { search = '', task, label, end, right, accepted }) {
  if (task && item.task !== task) return false;
  if (end && item.end !== end) return false;
  if (label && !item.labels.includes(label)) return false;
  if (right && item.right !== (right === 'yes')) return false;
  if (accepted && item.accepted !== (accepted === 'yes')) return false;
  const wanted = search.toLowerCase();
  const texts = [
    ...[item.id, view.question.text, view.answer?.text],
    ...view.steps.flatMap(({ action, observation }) => [
      ...action.parts.map(({ text }) => text),
      ...[action.reasoning?.text, observation?.text.text],
    ]),
  ];
  return wanted === '' || texts.some((text) => text?.toLowerCase().includes(wanted));
}
