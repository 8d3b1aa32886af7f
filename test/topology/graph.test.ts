/** Drawings of a topology: Mermaid text that no name can break, and boxes in the terminal. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { drawGraph } from '../../src/topology/draw.ts';
import { inputTopics, stagesFrom } from '../../src/topology/flow.ts';
import { type Graph, topologyGraph } from '../../src/topology/graph.ts';
import { label, mermaid } from '../../src/topology/mermaid.ts';
import { examine } from './sample.ts';

function graphOf(...set: string[]): Graph {
  const { topology, problems } = examine({ set });
  if (topology === null) throw new Error(JSON.stringify(problems));
  return topologyGraph(topology);
}

describe('the graph', () => {
  test('knows what comes from outside and what is left to taps', () => {
    expect(graphOf()).toMatchObject({ inputs: [{ topic: 'questions', from: 'fed' }], outputs: ['updates'] });
    const replay = graphOf(
      ...['start', 'rollout', 'tools', 'decompose', 'judge', 'filter', 'reward'].map(
        (stage) => `stages.${stage}=false`,
      ),
      'source={run: old, topic: scored}',
    );
    expect(replay).toMatchObject({ inputs: [{ topic: 'scored', from: 'run old' }], outputs: ['updates'] });
  });

  test('the stages from a topic on', () => {
    expect(stagesFrom('scored', null)).toEqual(['train']);
    expect(stagesFrom('sub-trajectories', null)).toEqual(['judge', 'filter', 'reward', 'train']);
    expect(stagesFrom('questions', null)).toHaveLength(8);
    expect(stagesFrom('updates', null)).toEqual([]);
  });

  test('the topics that must be fed', () => {
    const { topology } = examine({ set: ['stages.decompose=false', 'fed=[questions, sub-trajectories]'] });
    expect(topology && inputTopics(topology)).toEqual(['questions', 'sub-trajectories']);
  });
});

describe('Mermaid', () => {
  test('every stage has its input and its outputs', () => {
    const text = mermaid(graphOf());
    const names = new Map(
      [...text.matchAll(/^ {2}(\w+)(?:\(\[|\[)"([^"<]+)/gm)].map(([, id, name]) => [id, name]),
    );
    const edges = [...text.matchAll(/^ {2}(\w+) --> (\w+)$/gm)].map(
      ([, a, b]) => `${names.get(a)} > ${names.get(b)}`,
    );
    expect(edges).toEqual(
      expect.arrayContaining([
        'questions > start',
        'start > turns',
        'rollout > turns',
        'tool-calls > tools',
        'tools > turns',
        'train > updates',
      ]),
    );
    expect(edges).toHaveLength(8 + 10);
  });

  test('a hostile name stays a label', () => {
    const graph = graphOf(
      'judge={kind: openai, model: "x\\"]; click s0 href \\"javascript:alert(1)\\"\\nend%%<img src=x onerror=y>"}',
    );
    const text = mermaid(graph);
    // As many lines and quotes as with a harmless name: nothing was ended and nothing begun.
    const harmless = mermaid(graphOf('judge={kind: openai, model: plain}'));
    expect(text.split('\n')).toHaveLength(harmless.split('\n').length);
    expect(text.split('"')).toHaveLength(harmless.split('"').length);
  });

  test('no label holds a character that Mermaid or HTML obeys', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(label(text)).toMatch(/^(?:[\p{L}\p{N} _.,:+…-]|#\d+;)*$/u);
        expect(label(text).length).toBeLessThanOrEqual(60 * 9);
      }),
    );
  });
});

describe('the drawing', () => {
  const graph = graphOf();

  test('the cycle of turns goes from rollout through tools back to turns', () => {
    expect(drawGraph(graph, { width: 100, unicode: true }).split('\n').slice(0, 8)).toEqual([
      '              ┌─────────────────┐               ┌─────────┐',
      'questions ──▶ │      start      │ ──▶ turns ──▶ │ rollout │ ──▶ trajectories',
      '              │ 5 rollouts each │       ▲       │  local  │',
      '              └─────────────────┘       │       └────┬────┘',
      '                                        │            │                   ┌────────────┐',
      '                                        │            └──▶ tool-calls ──▶ │   tools    │──┐',
      '                                        │                                │ calculator │  │',
      '                                        │                                └────────────┘  │',
    ]);
  });

  test('without tools it goes straight back', () => {
    const text = drawGraph(graphOf('stages.tools=false', 'tasks.sums.tools=[]'), {
      width: 100,
      unicode: false,
    });
    expect(text.split('\n').slice(0, 6)).toEqual([
      '              +-----------------+               +---------+',
      'questions --> |      start      | --> turns --> | rollout | --> trajectories',
      '              | 5 rollouts each |       ^       |  local  |',
      '              +-----------------+       |       +----+----+',
      '                                        |            |',
      '                                        +------------+',
    ]);
  });

  test('a stage that writes several topics says so, and nothing is drawn as reading another one', () => {
    const stage = (name: string, reads: string, ...writes: string[]) => ({
      name,
      reads,
      writes,
      note: 'note',
    });
    const split = [
      stage('split', 'judged', 'good', 'bad'),
      stage('look', 'bad', 'seen'),
      stage('keep', 'good'),
    ];
    const drawn = { run: 'r', inputs: [], outputs: [], stages: split };
    const lines = drawGraph(drawn, { width: 80, unicode: false }).split('\n');
    expect(lines).toContain('split --> bad');
    expect(lines.filter((line) => line.includes('look'))).toEqual(['bad --> | look | --> seen']);
  });

  test('keeps to the width, and to ASCII where it is asked to', () => {
    for (const width of [80, 100, 140]) {
      const lines = drawGraph(graph, { width, unicode: false }).split('\n');
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
      expect(lines.join('')).not.toMatch(/[^\x20-\x7e]/);
    }
  });

  test('both kinds of strokes draw the same picture', () => {
    const ascii = drawGraph(graph, { width: 100, unicode: false });
    const unicode = drawGraph(graph, { width: 100, unicode: true });
    const plain = unicode
      .replaceAll('──▶', '-->')
      .replaceAll(/[─]/g, '-')
      .replaceAll('│', '|')
      .replaceAll('▲', '^')
      .replaceAll(/[┌┐└┘┬]/g, '+');
    expect(plain).toBe(ascii);
  });

  test('every stage and topic is in it, for any subset of stages', () => {
    fc.assert(
      fc.property(
        fc.subarray(['start', 'rollout', 'tools', 'decompose', 'judge', 'filter', 'reward', 'train']),
        (out) => {
          const part = graphOf(...out.map((stage) => `stages.${stage}=false`));
          const text = drawGraph(part, { width: 80, unicode: false });
          for (const { name, reads } of part.stages) {
            expect(text).toContain(` ${name} `);
            expect(text).toContain(reads);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  test('control characters of a name do not reach the terminal', () => {
    const text = drawGraph(graphOf('judge={kind: openai, model: "\\u001b[31m\\u202e漢"}'), {
      width: 100,
      unicode: true,
    });
    expect(text).toContain('openai: ?[31m??');
  });
});
