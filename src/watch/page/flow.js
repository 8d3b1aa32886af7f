/** The flow as a drawing that moves with the run, and the same as a table. */

import { edgesOf, layout } from 'page/flow-layout.js';
import { html } from 'page/html.js';
import { count, moment, rate } from 'page/numbers.js';
import { Outcomes } from 'page/outcomes.js';
import { addressOf, useAwaited } from 'page/place.js';
import { source } from 'page/source.js';
import { useEffect, useRef, useState } from 'preact/hooks';

export function Flow({ run, flow, about, query }) {
  const box = useRef(null);
  const [width, setWidth] = useState(1000);
  useEffect(() => {
    if (!box.current) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(entry.contentRect.width));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [flow === null]);
  if (flow === null) return html`<p class="quiet">Opening…</p>`;
  return html`
    ${flow.alarms.map((alarm) => html`<${Alarm} key=${`${alarm.when} ${alarm.over} ${alarm.do}`} alarm=${alarm} />`)}
    ${flow.training ? html`<p class="note">Training: ${flow.training}</p>` : null}
    <section ref=${box} aria-label="flow" class="drawing"><${Drawing} flow=${flow} width=${width} /></section>
    ${
      about?.source
        ? html`<p class="note">This run reads <code>${about.source.topic}</code> of the run${' '}
      <a href=${addressOf('flow', { run: about.source.run })}>${about.source.run}</a>.</p>`
        : null
    }
    <div class="tables">
      <${Answers} run=${run} flow=${flow} />
      <${Stages} flow=${flow} />
      <${Topics} flow=${flow} run=${query.run ?? run} />
    </div>`;
}

/** What raised it last, how often it was, and when: alarms of earlier processes of the run too. */
function Alarm({ alarm }) {
  const { when, saw, over, times, first, last } = alarm;
  const often =
    times === 1 ? moment(last) : `${count(times)} times, from ${moment(first)} to ${moment(last)}`;
  return html`<p class="problem" role="alert"><b>Alarm</b> <code>${when}</code>: ${saw} over ${count(over)}; ${often}${alarm.do === 'stop' ? '; it stops the run' : ''}</p>`;
}

function Answers({ run, flow }) {
  const done = flow.topics.find(({ name }) => name === 'trajectories')?.count ?? 0;
  // While it moves they are not counted again and again: the run has better to do.
  const { value } = useAwaited(() => source.outcomes(run), [run, flow.moves ? 'moving' : done]);
  return value ? html`<${Outcomes} outcomes=${[value]} names=${[run]} />` : null;
}

function Drawing({ flow, width }) {
  const { nodes, height, size } = layout(flow.stages, width);
  const edges = edgesOf(flow, nodes, size);
  const top = (node) => `translate(${node.x} ${node.y})`;
  return html`<svg width=${width} height=${height} viewBox="0 0 ${width} ${height}" role="img" aria-label="stages and the topics between them">
    <defs>
      <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
        <path d="M0 0 L8 4 L0 8 z" class="tip" />
      </marker>
    </defs>
    ${edges.map(
      (edge) => html`<g key=${edge.key}>
        <path d=${edge.path} class="edge ${edge.moves ? 'moves' : ''} ${edge.isBack ? 'back' : ''}" marker-end="url(#tip)" />
        ${
          edge.label
            ? html`<text x=${edge.label.x} y=${edge.label.y} class="topic" text-anchor=${edge.label.anchor}>
          <tspan>${edge.topic.slice(0, 24)}</tspan><tspan class="number" dx="6">${count(edge.count)}</tspan>
        </text>`
            : null
        }
      </g>`,
    )}
    ${nodes.map(
      (node) => html`<g key=${node.stage.name} transform=${top(node)} class="stage">
        <title>${node.stage.name}: reads ${node.stage.reads}, writes ${node.stage.writes.join(', ') || 'nothing'}</title>
        <rect width=${size.width} height=${size.height} rx="8" class=${node.stage.perSecond > 0 ? 'busy' : ''} />
        <text x="12" y="22" class="title">${node.stage.name.slice(0, 20)}</text>
        <text x=${size.width - 12} y="22" text-anchor="end" class="rate">${rate(node.stage.perSecond)}</text>
        <text x="12" y="40" class="quiet">${fitted(node.stage.note, size.width)}</text>
        <text x="12" y="60">${waits(node.stage)}${node.stage.failed > 0 ? html`<tspan class="bad" dx="6">${count(node.stage.failed)} failed</tspan>` : null}</text>
        <rect x="12" y="70" width=${size.width - 24} height="5" rx="2.5" class="track" />
        <rect x="12" y="70" width=${(size.width - 24) * doneShare(node.stage)} height="5" rx="2.5" class="fill" />
      </g>`,
    )}
  </svg>`;
}

function fitted(text, width) {
  const most = Math.floor((width - 24) / 6.4);
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function waits({ waiting, inFlight, done }) {
  const flying = inFlight ? `, ${count(inFlight)} in flight` : '';
  return waiting > 0 ? `${count(waiting)} waiting${flying}` : `${count(done)} done`;
}

function doneShare({ done, waiting }) {
  return done + waiting === 0 ? 0 : done / (done + waiting);
}

function Stages({ flow }) {
  return html`<table>
    <caption>Stages</caption>
    <thead><tr><th>stage</th><th class="reads">reads</th><th class="n">done</th><th class="n">waiting</th><th class="n">in flight</th><th class="n">failed</th><th class="n">rate</th></tr></thead>
    <tbody>${flow.stages.map(
      (stage) => html`<tr key=${stage.name}>
        <th scope="row">${stage.name}</th><td class="reads">${stage.reads}</td>
        <td class="n" data-stage=${stage.name}>${count(stage.done)}</td><td class="n">${count(stage.waiting)}</td>
        <td class="n">${count(stage.inFlight)}</td><td class="n ${stage.failed > 0 ? 'bad' : ''}">${count(stage.failed)}</td><td class="n">${rate(stage.perSecond)}</td>
      </tr>`,
    )}</tbody>
  </table>`;
}

function Topics({ flow }) {
  return html`<table>
    <caption>Topics</caption>
    <thead><tr><th>topic</th><th class="n">records</th><th class="n">rate</th></tr></thead>
    <tbody>${flow.topics.map(
      (topic) => html`<tr key=${topic.name}>
        <th scope="row">${topic.name}</th>
        <td class="n" data-topic=${topic.name}>${count(topic.count)}</td><td class="n">${rate(topic.perSecond)}</td>
      </tr>`,
    )}</tbody>
  </table>`;
}
