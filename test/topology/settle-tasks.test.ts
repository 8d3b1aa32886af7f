import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ToldTool } from '../../src/agent/tool.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { writeResolved } from '../../src/topology/resolved.ts';
import { begunTasks, settleTasks, withKeptTasks } from '../../src/topology/settle-tasks.ts';
import type { Topology } from '../../src/topology/topology.ts';

const { signal } = new AbortController();
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-tasks-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function topology(over: Record<string, unknown> = {}): Topology {
  const server = { url: 'http://127.0.0.1:9/mcp' };
  return resolveTopology(
    {
      folder,
      tasks: {
        both: { tools: ['calculator', 'weather'] },
        own: { instructions: 'Mine.', tools: ['calculator'] },
        none: {},
      },
      tools: {
        calculator: { kind: 'calculator' },
        weather: { kind: 'mcp', tag: 'sky', tool: 'weather', server },
      },
      ...over,
    },
    folder,
  );
}

/** Says of every tool what it is given, and notes which were asked. */
function teller(words: string) {
  const asked: string[] = [];
  const toldOf = async (name: string): Promise<ToldTool> => {
    asked.push(name);
    return { tag: name, description: { description: words, parameters: {}, example: 'x' } };
  };
  return { asked, toldOf };
}

const texts = ({ tasks }: Topology) => Object.values(tasks).map(({ instructions }) => instructions);

test('tasks without instructions are told of each of their tools, or of none', async () => {
  const { asked, toldOf } = teller('Good for much.');
  const settled = await settleTasks(topology(), { toldOf, signal });
  expect(asked).toEqual(['calculator', 'weather']);
  expect(texts(settled)).toEqual([
    expect.stringMatching(/2 tools.*<calculator>x<\/calculator>\. Good for much\..*<weather>/s),
    'Mine.',
    expect.stringMatching(/^Answer the question\. /),
  ]);
});

test("examples are Swirl's where instructions are, and one's own in any case", async () => {
  const { toldOf } = teller('Good for much.');
  const examples = [{ user: 'One?', assistant: '<answer>1</answer>' }];
  const tasks = {
    both: { tools: ['calculator', 'weather'] },
    own: { instructions: 'Mine.', tools: ['calculator'] },
    bare: { instructions: '' },
    shown: { instructions: 'Mine.', examples },
    without: { tools: ['calculator'], examples: [] },
  };
  const { tasks: settled } = await settleTasks(topology({ tasks }), { toldOf, signal });
  expect(Object.values(settled).map((task) => task.examples)).toEqual([
    [
      { user: expect.any(String), assistant: '<calculator>x</calculator>' },
      { user: expect.any(String), assistant: '<weather>x</weather>' },
      { user: expect.any(String), assistant: '<answer>14</answer>' },
    ],
    ...[[], [], examples, []],
  ]);
});

describe('a run goes on with the instructions that it began with', () => {
  const options = (words: string, compare: boolean) => {
    const notes: string[] = [];
    const notify = (note: string) => {
      notes.push(note);
    };
    return { ...teller(words), notes, notify, signal, compare };
  };

  async function begin(): Promise<Topology> {
    const begun = await begunTasks(topology(), options('At first.', true));
    writeResolved(begun);
    return begun;
  }

  test('nobody is asked again, unless what has changed is to be told', async () => {
    const begun = await begin();
    const again = options('Later.', false);
    expect(texts(await begunTasks(topology(), again))).toEqual(texts(begun));
    expect([again.asked, again.notes]).toEqual([[], []]);
    const compared = options('Later.', true);
    expect(texts(await begunTasks(topology(), compared))).toEqual(texts(begun));
    expect(compared.notes).toEqual([
      'tasks.both: its tools say other things of themselves than when the run began; it goes on with the instructions and examples in topology.resolved.yaml. A run of another name has the new ones.',
    ]);
    const same = options('At first.', true);
    await begunTasks(topology(), same);
    expect(same.notes).toEqual([]);
  });

  test('and with the examples; one of before there were any has none', async () => {
    const begun = await begin();
    const shown = ({ tasks }: Topology) => tasks.both?.examples;
    expect(shown(begun)).toHaveLength(3);
    expect(shown(withKeptTasks(topology()))).toEqual(shown(begun));
    expect(shown(await begunTasks(topology(), options('Later.', true)))).toEqual(shown(begun));
    const own = [{ user: 'One?', assistant: '<answer>1</answer>' }];
    const both = { tools: ['calculator', 'weather'], examples: own };
    expect(shown(withKeptTasks(topology({ tasks: { ...topology().tasks, both } })))).toEqual(own);
    const { examples: _, ...before } = begun.tasks.both as Topology['tasks'][string];
    writeResolved({ ...begun, tasks: { ...begun.tasks, both: before } } as unknown as Topology);
    expect(shown(withKeptTasks(topology()))).toEqual([]);
    expect(texts(withKeptTasks(topology()))[0]).toContain('At first.');
  });

  test('other tools, another number of messages or another run are another task', async () => {
    await begin();
    const kept = (over: Record<string, unknown>) => texts(withKeptTasks(topology(over)))[0];
    expect(kept({})).toContain('At first.');
    expect(kept({ run: 'other' })).toBeNull();
    expect(kept({ tasks: { both: { tools: ['calculator', 'weather'], maxSteps: 9 } } })).toBeNull();
    expect(kept({ tasks: { both: { tools: ['calculator'] } } })).toBeNull();
    const calculator = { kind: 'calculator', tag: 'sum' };
    expect(kept({ tools: { ...topology().tools, calculator } })).toBeNull();
    expect(kept({ tasks: { both: { instructions: '', tools: ['calculator', 'weather'] } } })).toBe('');
  });
});
