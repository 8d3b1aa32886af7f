/** Curves over the updates. */
import { html } from 'page/html.js';
import { count, measure, share } from 'page/numbers.js';
import { useAwaited } from 'page/place.js';
import { Curve, useScheme } from 'page/plot.js';
import { source } from 'page/source.js';

/** Name in the points, title, what it is, how it is written. */
const KNOWN = [
  ['meanReward', 'mean reward', 'mean reward of the batch'],
  ['good', 'GOOD', 'share of GOOD among the verdicts since the update before', share],
  ['accepted', 'accepted', 'share of judged steps that passed the filter since the update before', share],
  ['loss', 'loss', 'the objective at the weights before the step'],
  ['kl', 'KL', 'mean per-token KL toward the initial policy; 0 without beta'],
  ['gradNorm', 'gradient norm', 'global norm of the gradient before clipping'],
  ['meanRatio', 'ratio', 'mean of the probability of the recorded tokens over the recorded one'],
  ['clippedShare', 'clipped', 'share of tokens whose ratio was clipped', share],
  [
    'staleness',
    'staleness',
    'updates between the weights that wrote the steps and those that learned from them',
  ],
  ['tokensPerSecond', 'tokens/s', 'tokens through the policy per second of training', count],
  ['meanLogprob', 'logprob', 'mean natural logprob of an action token before the step'],
  ['entropy', 'entropy', 'mean entropy of the policy at the action tokens'],
  ['learningRate', 'learning rate', 'of the step'],
  ['subTrajectories', 'steps', 'sub-trajectories of the batch'],
  ['trajectories', 'trajectories', 'trajectories of the batch'],
  ['actionTokens', 'action tokens', 'tokens that carried loss'],
  ['rowTokens', 'row tokens', 'tokens through the policy, context and padding included'],
  ['dropped', 'dropped', 'records that were dropped: used before, or too long'],
];
const PLACES = new Set(['step', 'epoch', 'time']);

/** Every curve that any of these points has. */
export function curvesIn(points) {
  const had = new Set(points.flatMap((point) => Object.keys(point).filter((name) => point[name] !== null)));
  const known = KNOWN.filter(([name]) => had.has(name));
  const others = [...had].filter((name) => !PLACES.has(name) && !KNOWN.some(([one]) => one === name));
  return [...known, ...others.map((name) => [name, name, 'a field of the updates'])];
}

export function Curves({ run, flow, about }) {
  const updates = flow?.topics.find(({ name }) => name === 'updates')?.count ?? 0;
  const { value, error } = useAwaited(() => source.curves(run), [run, updates]);
  if (error) return html`<p class="problem" role="alert">${error}</p>`;
  if (value === null) return html`<p class="quiet">Reading…</p>`;
  if (about?.isEvaluation)
    return html`<p class="empty">An evaluation makes no updates: its answers are counted under Flow.</p>`;
  return html`<${Plots} curves=${[{ run, ...value }]} />`;
}

/** Plots of one run, or of two over each other. */
export function Plots({ curves }) {
  const isDark = useScheme();
  const points = curves.flatMap((curve) => curve.points);
  if (points.length === 0)
    return html`<p class="empty">No updates yet: curves begin with the first checkpoint.</p>`;
  const of = curves.map(
    ({ run, of, points }) =>
      `${run}: ${count(of)} updates${points.length < of ? `, as means of neighbors (${count(points.length)} points)` : ''}`,
  );
  return html`
    <p class="quiet">${of.join('; ')}. Over the update's number; point at a curve to read it.</p>
    <div class="plots">
      ${curvesIn(points).map(([name, title, about, show]) => html`<${Curve} key=${name} ...${{ name, title, about, curves, isDark }} show=${show ?? measure} />`)}
    </div>`;
}
