/** One trajectory whole. */

import { html } from 'page/html.js';
import { besidePlace, endText, openBeside } from 'page/list.js';
import { count, measure, moment } from 'page/numbers.js';
import { addressOf, useAwaited } from 'page/place.js';
import { source } from 'page/source.js';
import { useState } from 'preact/hooks';

export function Trajectory({ run, query }) {
  const { place, id } = query;
  const [asTokens, setAsTokens] = useState(true);
  const { value, error } = useAwaited(
    () => source.trajectory(run, place ? { place } : { id }),
    [run, place, id],
  );
  const toList = html`<a href=${addressOf('trajectories', { run: query.run })} onClick=${back} data-key="Escape">← all trajectories</a>`;
  if (error === 'not found')
    return html`<p>${toList}</p><p class="empty">This trajectory is not there: it did not come to its end, or it has not been read yet.</p>`;
  if (error) return html`<p>${toList}</p><p class="problem" role="alert">${error}</p>`;
  if (value === null || (place && value.place !== place)) return html`<p class="quiet">Reading…</p>`;
  const hasTokens = value.steps.some(({ action }) => action.tokens !== null);
  return html`
    <p class="bar">${toList}
      <span class="grow"></span>
      ${hasTokens ? html`<button data-key="t" aria-pressed=${asTokens} onClick=${() => setAsTokens(!asTokens)}>token logprobs</button>` : null}
      <button data-key="k" disabled=${!besidePlace(value, -1)} onClick=${() => openBeside(value, -1, query.run)}>previous</button>
      <button data-key="j" disabled=${!besidePlace(value, 1)} onClick=${() => openBeside(value, 1, query.run)}>next</button>
    </p>
    <article class="trajectory">
      <h1>${value.id}</h1>
      <p class="quiet">${value.task}, ${endText(value.end)}, ${value.of} ${value.of === 1 ? 'step' : 'steps'}, ${moment(value.time)}${value.source ? html`, from ${value.source}` : null}</p>
      <section class="card question"><h2>Question</h2><${Text} of=${value.question} /></section>
      ${value.known.read < value.known.of ? html`<p class="note">Verdicts and rewards are being found: ${count(value.known.read)} of ${count(value.known.of)} so far. Open it again in a moment.</p>` : null}
      ${value.steps.map((step) => html`<${Step} key=${step.index} step=${step} asTokens=${asTokens} />`)}
      ${value.of > value.steps.length ? html`<p class="quiet">${count(value.of - value.steps.length)} more steps are not shown: \`swirl tap trajectories\` has them.</p>` : null}
      <section class="card ${value.right === null ? '' : value.right ? 'right' : 'wrong'}">
        <h2>Answer</h2>
        ${value.answer ? html`<${Text} of=${value.answer} />` : html`<p class="quiet">none: ${endText(value.end)}</p>`}
        ${value.gold.length > 0 ? html`<p class="quiet">gold: ${value.gold.join(' · ')}</p>` : null}
        <p>${value.right === null ? null : html`<span class=${value.right ? 'good' : 'bad'}>${value.right ? '✓ right' : '✗ wrong'}</span>`}
          ${value.accepted ? html` <span class="badge">accepted</span>` : null}</p>
      </section>
    </article>`;
}

/** Back keeps the list as it was; where one came from elsewhere it is opened. */
function back(event) {
  if (history.length > 1 && document.referrer === '' && sessionStorage.length === 0) return;
  event.preventDefault();
  history.back();
}

function Step({ step, asTokens }) {
  const { action, observation, verdict, reward, fresh, updates } = step;
  const kind =
    action.kind === 'TOOL_CALL'
      ? `calls ${action.tool}`
      : action.kind === 'ANSWER'
        ? 'answers'
        : 'neither a call nor an answer';
  return html`<section class="card step">
    <h2>Step ${step.index} <span class="quiet">${kind}</span>
      ${verdict ? html`<span class="label wide ${verdict.label.toLowerCase()}">${verdict.label}</span>` : null}
      ${reward ? html`<span class="badge">reward ${measure(reward.value)}</span>` : null}
    </h2>
    ${action.reasoning ? html`<details class="thinking" open><summary>thinking</summary><${Text} of=${action.reasoning} /></details>` : null}
    ${asTokens && action.tokens ? html`<${Tokens} tokens=${action.tokens} />` : html`<${Parts} parts=${action.parts} />`}
    ${action.truncated ? html`<p class="problem">cut off at the largest number of tokens</p>` : null}
    ${observation ? html`<div class="observation"><h3>${observation.tool ?? 'no tool'} <span class="quiet">${endText(observation.status)}</span></h3><${Text} of=${observation.text} /></div>` : null}
    ${
      verdict
        ? html`<div class="verdict"><h3>Judge <span class="quiet">${verdict.by ?? verdict.judge}</span></h3><${Text} of=${verdict.rationale} />
      ${verdict.votes.length > 0 ? html`<details><summary>${verdict.votes.length} votes</summary>${verdict.votes.map((vote) => html`<p><b>${vote.label}</b></p><${Text} of=${vote.rationale} />`)}</details>` : null}</div>`
        : null
    }
    ${reward?.rationale.text ? html`<div class="verdict"><h3>Reward <span class="quiet">${reward.by ?? reward.model}</span></h3><${Text} of=${reward.rationale} /></div>` : null}
    ${fresh.length > 0 ? html`<details><summary>${fresh.length} fresh actions at this context</summary>${fresh.map((one) => html`<p><span class="badge">reward ${measure(one.reward)}</span></p><${Text} of=${one.text} />`)}</details>` : null}
    <p class="quiet">${about(action)}</p>
    ${updates.length > 0 ? html`<${Used} updates=${updates} logprob=${action.logprob} />` : null}
  </section>`;
}

function about({ policy, logprob, temperature }) {
  const parts = [`by ${policy}`];
  if (logprob !== null) parts.push(`mean logprob ${measure(logprob)} when it was sampled`);
  if (temperature !== null) parts.push(`temperature ${measure(temperature)}`);
  return parts.join(', ');
}

/** The updates that learned from a step, and how likely it was before and after each of them. */
function Used({ updates, logprob }) {
  const names = updates.map(
    ({ step, epoch }, i) =>
      html`${i > 0 ? ', ' : ''}<b>update ${step}</b>${updates.length > 1 ? ` (epoch ${epoch + 1})` : ''}`,
  );
  const measured = updates.filter(({ before }) => before !== null);
  return html`<p class="used">Learned from in ${names}.</p>
    ${measured.length > 0 ? html`<${Learned} updates=${measured} logprob=${logprob} />` : null}`;
}

/** Mean logprobs per token, from when the step was sampled on. */
function Learned({ updates, logprob }) {
  const last = updates.at(-1);
  const now = last.after ?? last.before;
  const first = logprob ?? updates[0].before;
  const hasAfter = updates.some(({ after }) => after !== null);
  const [word, tone] =
    now > first ? ['▲ likelier', 'good'] : now < first ? ['▼ less likely', 'bad'] : ['as before', 'quiet'];
  return html`<details class="learned"><summary>logprob per token: ${measure(first)} → ${measure(now)} <span class=${tone}>${word}</span></summary><table>
    <thead><tr><th>update</th><th class="n">before it</th>${hasAfter ? html`<th class="n">after it</th>` : null}<th class="n">mean ratio of its batch</th></tr></thead>
    <tbody>${updates.map(
      ({ step, before, after, meanRatio }) => html`<tr key=${step}>
        <th scope="row">${step}</th><td class="n">${measure(before)}</td>${hasAfter ? html`<td class="n">${measure(after)}</td>` : null}<td class="n">${measure(meanRatio)}</td>
      </tr>`,
    )}</tbody>
  </table></details>`;
}

/** Text as it was written; how much is missing is said. */
function Text({ of }) {
  return html`<pre class="text" dir="auto">${of.text}</pre>${cut(of)}`;
}

function cut({ of }) {
  return of === undefined
    ? null
    : html`<p class="problem">only the beginning of ${count(of)} characters: \`swirl tap --json\` has the rest</p>`;
}

function Parts({ parts }) {
  return html`<pre class="text action" dir="auto">${parts.map((part, i) => html`<span key=${i} class=${part.thinking ? 'thought' : ''}>${part.text}</span>`)}</pre>
    ${parts.map((part) => cut(part))}`;
}

/** Every token with its logprob as shade: the darker, the less it was expected. */
function Tokens({ tokens }) {
  const [at, setAt] = useState(null);
  const point = (event) => setAt(event.target.dataset?.i ?? null);
  const token = at === null ? null : tokens[Number(at)];
  return html`<pre class="text action tokens" dir="auto" onPointerOver=${point} onPointerLeave=${() => setAt(null)}>${tokens.map(
    ({ text, logprob }, i) =>
      html`<span key=${i} data-i=${i} class=${logprob === null ? '' : `shade-${shade(logprob)}`}>${text}</span>`,
  )}</pre>
  <p class="quiet reading">${token ? `token ${Number(at) + 1} of ${tokens.length}: ${token.logprob === null ? 'no logprob' : `logprob ${measure(token.logprob)}, probability ${measure(Math.exp(token.logprob))}`}` : 'shade: how unexpected a token was; point at one to read it'}</p>`;
}

/** 0 to 9, by the probability's logarithm: 9 from one in 400 on. */
function shade(logprob) {
  return Math.max(0, Math.min(9, Math.round(-logprob * 1.5)));
}
