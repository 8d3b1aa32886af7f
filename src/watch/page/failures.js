/** What went wrong, by cause: the same error of the same stage once, with how often, and one of them whole. */
import { html } from 'page/html.js';
import { count, moment } from 'page/numbers.js';
import { addressOf, useAwaited } from 'page/place.js';
import { source } from 'page/source.js';

export function Failures({ run, flow, query }) {
  const total = flow?.topics.find(({ name }) => name === 'failures')?.count ?? 0;
  const { value, error } = useAwaited(() => source.failures(run), [run, total]);
  if (error) return html`<p class="problem" role="alert">${error}</p>`;
  if (value === null) return html`<p class="quiet">Reading…</p>`;
  if (value.groups.length === 0) return html`<p class="empty">Nothing failed.</p>`;
  return html`
    <p class="quiet">${count(value.read)} of ${count(value.of)} failures, by cause${value.others > 0 ? html`; ${count(value.others)} more of other causes are only counted` : null}</p>
    ${value.groups.map((group) => html`<${Group} key=${`${group.stage} ${group.error} ${group.cause}`} group=${group} run=${query.run} />`)}`;
}

function Group({ group, run }) {
  const { stage, error, cause, example } = group;
  const [question, rollout] = (example.record ?? '').split('/');
  const trajectory = rollout === undefined ? null : `${question}/${rollout}`;
  return html`<details class="card">
    <summary><span class="badge bad">${count(group.count)}</span> <b>${stage}</b> <code>${error}</code> <span>${cause}</span></summary>
    <dl>
      <dt>newest</dt><dd>${moment(example.time)}, <code>${example.topic}</code> at offset ${example.offset}${example.record ? html`, record <code>${example.record}</code>` : null}</dd>
      <dt>tried</dt><dd>${count(example.attempts)} times, ${example.retryable ? 'and trying again may help' : 'and trying again does not help'}</dd>
    </dl>
    <pre class="text">${example.message}</pre>
    ${trajectory ? html`<p><a href=${addressOf('trajectory', { run, id: trajectory })}>its trajectory, where it came to its end</a></p>` : null}
  </details>`;
}
