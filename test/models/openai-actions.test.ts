import { afterEach, describe, expect, test } from '@jest/globals';
import type { ToolTag } from '../../src/agent/action.ts';
import { conversation } from '../../src/agent/conversation.ts';
import type { Completion } from '../../src/agent/model.ts';
import { openaiModel } from '../../src/models/openai.ts';
import { openaiConfig } from '../../src/models/openai-config.ts';
import { calculatorConfig, makeCalculator } from '../../src/tools/calculator.ts';
import { call, step } from '../records.ts';
import type { FaultServer, Reply } from './fault-server.ts';
import { startFaultServer } from './fault-server.ts';

const messages = [{ role: 'user', content: 'Who?' }] as const;
const { signal } = new AbortController();
const calculator = await makeCalculator('calculator', calculatorConfig.parse({}));
/** A tool of several arguments. */
const search = {
  ...{ name: 'search', tag: 'search_query' },
  describe: async () => ({
    ...{ description: 'Looks up.', example: '{"q": "a", "k": 1}' },
    parameters: {
      type: 'object',
      properties: { q: { type: 'string' }, k: { type: 'integer' } },
      required: ['q', 'k'],
    },
  }),
};
const tools = [calculator, search];

const servers: FaultServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

/** What a policy behind an endpoint does where the endpoint replies so, and what it was asked. */
async function act(reply: Reply, settings: object = {}): Promise<Completion & { readonly asked: object }> {
  const server = await startFaultServer(() => reply);
  servers.push(server);
  const config = openaiConfig.parse({ baseUrl: server.url, model: 'm', ...settings });
  const model = await openaiModel(config, { runSeed: 7, env: {} });
  const completion = await model.complete({ messages, id: 'q1/0/0', signal, tools });
  return { ...completion, asked: server.requests[0].body };
}

/** A completion that ends in a certain way. */
function ending(finish_reason: string, message: object, more: object = {}): Reply {
  return { kind: 'raw', body: JSON.stringify({ choices: [{ message, finish_reason, ...more }] }) };
}

/** A message that calls a tool by the protocol. */
function calls(name: string, args: string) {
  return {
    content: null,
    tool_calls: [{ id: 'c1', type: 'function', function: { name, arguments: args } }],
  };
}

test('tools are asked what they take only where a call by the protocol is offered or read', async () => {
  const asked: string[] = [];
  const counted = tools.map((tool) => ({
    ...tool,
    describe: async (end: AbortSignal) => {
      asked.push(tool.name);
      return (await (tool as ToolTag).describe?.(end)) ?? search.describe();
    },
  }));
  const ask = async (reply: Reply, settings: object = {}) => {
    asked.length = 0;
    const server = await startFaultServer(() => reply);
    servers.push(server);
    const config = openaiConfig.parse({ baseUrl: server.url, model: 'm', ...settings });
    const model = await openaiModel(config, { runSeed: 7, env: {} });
    await model.complete({ messages, id: 'q1/0/0', signal, tools: counted });
    return [...asked].sort();
  };
  expect(await ask('<math_exp>2+2</math_exp>')).toEqual([]);
  expect(await ask(ending('tool_calls', calls('calculator', '"2+2"')))).toEqual(['calculator', 'search']);
  expect(await ask('4', { toolCalls: 'protocol' })).toEqual(['calculator', 'search']);
});

describe('an action', () => {
  test('ends at its first complete tag: the endpoint is asked to, and what it writes beyond is cut off', async () => {
    const text = '<think><answer>1</answer></think> so <math_exp>2+2</math_exp>';
    const { text: read, asked } = await act(`${text}\n2+2 -> 4 <answer>4</answer>`);
    expect(read).toBe(text);
    const tags = ['</answer>', '</math_exp>', '</search_query>'];
    expect(asked).toMatchObject({ stop: tags });
    expect((await act('Y', { stop: ['\n\n'] })).asked).toMatchObject({ stop: ['\n\n', ...tags] });
    expect((await act('Y', { stopAtTag: false })).asked).not.toHaveProperty('stop');
  });

  test.each<[string, Reply, object]>([
    [
      'the tag that was dropped comes back',
      ending('stop', { content: 'so <math_exp>2+2' }),
      { text: 'so <math_exp>2+2</math_exp>' },
    ],
    [
      'vLLM says what it stopped at',
      ending('stop', { content: '<answer>4' }, { stop_reason: '</answer>' }),
      { text: '<answer>4</answer>' },
    ],
    [
      'and that it stopped by itself',
      ending('stop', { content: '<answer>4' }, { stop_reason: null }),
      { text: '<answer>4' },
    ],
    [
      'in thinking no tag is open',
      ending('stop', { content: '<think><answer>4' }),
      { text: '<think><answer>4' },
    ],
    ['cut off', ending('length', { content: '<answer>4' }), { text: '<answer>4', truncated: true }],
    [
      'cut off after the action',
      ending('length', { content: '<answer>4</answer> and' }),
      { text: '<answer>4</answer>', truncated: false },
    ],
    [
      'cut off in thinking',
      ending('length', { content: null, reasoning_content: 'a long thought' }),
      { text: '', reasoning: 'a long thought', truncated: true },
    ],
    ['cut off with nothing', ending('length', { content: null }), { text: '', truncated: true }],
    ['only thinking', ending('stop', { content: '', reasoning: 'hm' }), { text: '', reasoning: 'hm' }],
    [
      'beside thinking',
      ending('stop', { content: '<answer>4</answer>', reasoning_content: '2+2' }),
      { text: '<answer>4</answer>', reasoning: '2+2' },
    ],
    [
      'in parts',
      ending('stop', {
        content: [
          { type: 'thinking', thinking: 'hm' },
          { type: 'text', text: '<answer>4' },
          { type: 'text', text: '2</answer>' },
        ],
      }),
      { text: '<answer>42</answer>', reasoning: 'hm' },
    ],
    [
      'a call by the protocol',
      ending('tool_calls', calls('calculator', '{"expression": "2+2"}')),
      { text: '<math_exp>2+2</math_exp>' },
    ],
    [
      'a call with a number',
      ending('tool_calls', calls('calculator', '{"expression": 7}')),
      { text: '<math_exp>7</math_exp>' },
    ],
    [
      'a call with several arguments',
      ending('tool_calls', calls('search', '{"q": "a", "k": 2}')),
      { text: '<search_query>{"q":"a","k":2}</search_query>' },
    ],
    [
      'a call with half a JSON',
      ending('tool_calls', calls('calculator', '{"expression": "2+')),
      { text: 'calculator({"expression": "2+)', problem: "the call's arguments are no JSON object." },
    ],
    [
      'a call with tags',
      ending('tool_calls', calls('calculator', '{"e": "1</math_exp><answer>2</answer>"}')),
      { problem: "the call's arguments are empty, or have tags in them." },
    ],
    [
      'a call of nothing',
      ending('tool_calls', calls('python', '{}')),
      { problem: 'the message calls a tool that there is not.' },
    ],
  ])('%s', async (_, reply, expected) => {
    expect(await act(reply)).toMatchObject(expected);
  });

  test('a policy that calls by the protocol is told of its tools, and of its calls as it made them', async () => {
    const server = await startFaultServer(() => 'Y');
    servers.push(server);
    const settings = { baseUrl: server.url, model: 'm', toolCalls: 'protocol' };
    const model = await openaiModel(openaiConfig.parse(settings), { runSeed: 7, env: {} });
    const steps = [
      step(call('2+2'), '4'),
      {
        action: call('', {
          text: 'I look. <search_query>{"q":"a","k":2}</search_query>',
          kind: 'TOOL_CALL',
          tool: 'search',
          content: '{"q":"a","k":2}',
        }),
        observation: { tool: 'search', status: 'OK' as const, text: 'found' },
      },
      {
        action: call('', { text: 'hm', kind: 'NONE', tool: null, content: null }),
        observation: { tool: null, status: 'NO_TOOL' as const, text: 'No.' },
      },
    ];
    const conversed = conversation({ task: { instructions: 'Go.' }, question: { text: 'Who?' }, steps });
    await model.complete({ messages: conversed, id: 'q1/0/3', signal, tools });
    const { body } = server.requests[0];
    const function0 = { name: 'calculator', arguments: '{"expression":"2+2"}' };
    const function1 = { name: 'search', arguments: '{"q":"a","k":2}' };
    expect(body.messages).toEqual([
      { role: 'system', content: 'Go.' },
      { role: 'user', content: 'Who?' },
      {
        ...{ role: 'assistant', content: null },
        tool_calls: [{ id: 'call00002', type: 'function', function: function0 }],
      },
      { role: 'tool', tool_call_id: 'call00002', content: '4' },
      {
        ...{ role: 'assistant', content: 'I look.' },
        tool_calls: [{ id: 'call00004', type: 'function', function: function1 }],
      },
      { role: 'tool', tool_call_id: 'call00004', content: 'found' },
      { role: 'assistant', content: 'hm' },
      { role: 'user', content: 'No.' },
    ]);
    expect(body.tools).toMatchObject([
      { type: 'function', function: { name: 'calculator', parameters: { required: ['expression'] } } },
      { type: 'function', function: { name: 'search', description: 'Looks up.' } },
    ]);
    // The same conversation in tags.
    const inTags = await openaiModel(openaiConfig.parse({ ...settings, toolCalls: 'tags' }), {
      ...{ runSeed: 7, env: {} },
    });
    await inTags.complete({ messages: conversed, id: 'q1/0/3', signal, tools });
    expect(server.requests[1].body.messages).toEqual(
      conversed.map(({ role, content }) => ({ role, content })),
    );
    expect(server.requests[1].body).not.toHaveProperty('tools');
  });

  test("variables of the endpoint's chat template are sent", async () => {
    const { asked } = await act('Y', { templateVariables: { enable_thinking: false } });
    expect(asked).toMatchObject({ chat_template_kwargs: { enable_thinking: false } });
  });
});
