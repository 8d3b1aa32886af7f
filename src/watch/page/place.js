/** Where on the page one is: in the address after `#`, so that it can be kept and sent. */
import { useEffect, useState } from 'preact/hooks';

/** `#/trajectories?label=BAD` as its view and its query. */
function read() {
  const [path = '', search = ''] = location.hash.replace(/^#\/?/, '').split('?');
  return { view: path || 'flow', query: Object.fromEntries(new URLSearchParams(search)) };
}

/** The address of a place. */
export function addressOf(view, query = {}) {
  const search = new URLSearchParams(
    Object.entries(query).filter(([, value]) => value !== '' && value != null),
  );
  return `#/${view}${search.size > 0 ? `?${search}` : ''}`;
}

export function go(view, query) {
  location.hash = addressOf(view, query);
}

/** Changes the place without a new entry in the history. */
export function change(view, query) {
  history.replaceState(null, '', addressOf(view, query));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

export function usePlace() {
  const [place, set] = useState(read);
  useEffect(() => {
    const follow = () => set(read());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return place;
}

/** What a promise came to: `value`, or `error` as a text; the last value stays while a new one is awaited. */
export function useAwaited(make, deps) {
  const [state, set] = useState({ value: null, error: null });
  useEffect(() => {
    let isOver = false;
    make().then(
      (value) => isOver || set({ value, error: null }),
      (error) => isOver || set((before) => ({ ...before, error: error.message })),
    );
    return () => {
      isOver = true;
    };
  }, deps);
  return state;
}
