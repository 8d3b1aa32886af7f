/** How chat completions end, as rollouts take them: an action, another try, or a failure. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { from, lastValueFrom, toArray } from 'rxjs';
import type { LanguageModel } from '../../src/agent/model.ts';
import { openaiModel } from '../../src/models/openai.ts';
import { openaiConfig } from '../../src/models/openai-config.ts';
import { rollout } from '../../src/rollout/rollout.ts';
import { calculatorConfig, makeCalculator } from '../../src/tools/calculator.ts';
import type { Action, Failure, Step, Turn } from '../../src/topics/records.generated.ts';
import { linesOf } from '../fixtures/cases.ts';
import { type FaultServer, startFaultServer } from '../models/fault-server.ts';
import { deliveries, question } from '../records.ts';

interface Case {
  readonly choice: object;
  readonly expected: string;
}

const TRIES = 2;
const calculator = await makeCalculator('calculator', calculatorConfig.parse({}));
const math = { name: 'math', instructions: 'Add.', tools: ['calculator'], maxSteps: 3 };

let choice: object;
let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer(() => ({ kind: 'raw', body: JSON.stringify({ choices: [choice] }) }));
});
afterAll(() => server.close());

/** What comes of the choice, in the words of the cases, and how often it was asked for. */
async function outcomeFor(policy: LanguageModel): Promise<[outcome: string, requests: number]> {
  const before = server.requests.length;
  const operator = rollout({
    ...{ policy, tasks: new Map([['math', math]]), tools: [calculator] },
    retry: { attempts: TRIES, backoffMs: 1, maxBackoffMs: 1 },
    sleep: async () => {},
  });
  const turn: Turn = { id: 'q1/0/0', trajectory: 'q1/0', question: question(), steps: [] };
  const finished = await lastValueFrom(from(deliveries([turn], 'turns')).pipe(operator, toArray()));
  const [output] = finished.flatMap(({ outputs }) => outputs);
  return [told(output as { topic: string; value: object }), server.requests.length - before];
}

function told({ topic, value }: { readonly topic: string; readonly value: object }): string {
  if (topic === 'failures') return (value as Failure).retryable ? 'retry' : 'failure';
  const { action: called, steps = [] } = value as { action?: Action; steps?: Turn['steps'] };
  const [step] = steps;
  const { kind, content, truncated } = called ?? (step as Step).action;
  if (kind !== 'NONE') return `${kind} ${content}`;
  // The policy hears why.
  expect(step?.observation?.text).toMatch(truncated ? /cut off/ : /^No tool was used: .+ Write a call/);
  return truncated
    ? 'truncated action: NONE, and not asked again unchanged'
    : 'action NONE, the policy is told';
}

const cases = linesOf<Case>('completions.jsonl');
test.each(cases.flatMap(([file, lines]) => ['tags', 'protocol'].map((way) => [file, way, lines] as const)))(
  '%s, %s',
  async (_, way, lines) => {
    expect(lines.length).toBeGreaterThan(0);
    const config = openaiConfig.parse({ baseUrl: server.url, model: 'm', toolCalls: way });
    const policy = await openaiModel(config, { runSeed: 7, env: {} });
    const wrong = [];
    for (const line of lines) {
      ({ choice } = line);
      const [outcome, requests] = await outcomeFor(policy);
      const { expected } = line;
      const tries = expected === 'retry' ? TRIES : 1;
      if (outcome !== expected || requests !== tries) wrong.push({ choice, expected, outcome, requests });
    }
    expect(wrong).toEqual([]);
  },
);
