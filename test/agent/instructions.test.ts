import { describe, expect, test } from '@jest/globals';
import { parseAction } from '../../src/agent/action.ts';
import { instructionsFor } from '../../src/agent/instructions.ts';
import type { ToldTool } from '../../src/agent/tool.ts';

const weather: ToldTool = {
  tag: 'weather',
  description: {
    description: 'The forecast\n  of a city',
    parameters: {
      type: 'object',
      properties: {
        city: { type: 'string', description: 'Where.' },
        days: { type: 'integer' },
        unit: { enum: ['c', 'f'] },
      },
      required: ['city', 'days'],
    },
    example: '{"city":"Oslo","days":2}',
  },
};
const search: ToldTool = {
  tag: 'search_query',
  description: {
    description: 'It finds articles.',
    parameters: {
      type: 'object',
      properties: { query: { type: 'string', description: 'what you look for' } },
      required: ['query'],
    },
    example: 'author of Faust',
  },
};
const note: ToldTool = {
  tag: 'note',
  description: {
    description: '',
    parameters: {
      type: 'object',
      properties: { text: { type: 'string' }, bold: { type: 'boolean' } },
      required: ['text'],
    },
    example: 'remember this',
  },
};
const unknown: ToldTool = { tag: 'mystery', description: null };

describe('a task with tools', () => {
  test('one line for each, with its tag around a worked example, and what stands between the tags', () => {
    const told = instructionsFor({ maxSteps: 7, tools: [weather, search, note, unknown] });
    expect(told).toContain('with the help of 4 tools');
    expect(told).toContain('up to 7 messages');
    const calls = told.split('\n').filter((line) => line.startsWith('- Call'));
    expect(calls).toEqual([
      '- Call the tool weather, by writing <weather>{"city":"Oslo","days":2}</weather>. The forecast of a city. Between the tags stands JSON with "city" (text): Where; "days" (whole number); "unit" ("c" or "f", may be left out).',
      '- Call the tool search_query, by writing <search_query>author of Faust</search_query>. It finds articles. Between the tags: what you look for.',
      '- Call the tool note, by writing <note>remember this</note>. Between the tags stands text alone, or JSON with "text" (text); "bold" (true or false, may be left out).',
      '- Call the tool mystery, by writing <mystery>what you ask of it</mystery>.',
    ]);
    expect(told).not.toContain('{{');
  });

  test('its two worked examples are a call of the first tool and an answer, as the grammar reads them', () => {
    for (const [first, ...rest] of [[search], [weather, search], [note, weather]]) {
      const tools = [first, ...rest].flatMap((tool) => tool ?? []);
      const told = instructionsFor({ maxSteps: 5, tools });
      const tags = tools.map(({ tag }) => ({ name: tag, tag }));
      const examples = told.slice(told.indexOf('For example')).split('And a message that answers:');
      expect(examples.map((text) => parseAction(text, tags))).toEqual([
        { kind: 'TOOL_CALL', tool: first?.tag, content: first?.description?.example },
        { kind: 'ANSWER', tool: null, content: '42' },
      ]);
    }
  });

  test('a description with places of a prompt stays as it is', () => {
    const odd = {
      ...search,
      description: { ...(search.description ?? weather.description), description: '{{maxSteps}} $&' },
    };
    expect(instructionsFor({ maxSteps: 5, tools: [odd as ToldTool] })).toContain('{{maxSteps}} $&.');
  });
});

test('a task without tools is told how to answer', () => {
  const told = instructionsFor({ maxSteps: 3, tools: [] });
  expect(told).toContain('up to 3 messages');
  expect(told).not.toContain('tool');
  expect(parseAction(told.slice(told.indexOf('For example')), [])).toMatchObject({
    kind: 'ANSWER',
    content: '14',
  });
});
