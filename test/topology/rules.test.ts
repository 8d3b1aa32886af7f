/** Each combination rule: that it speaks where it should, at the right place, and is silent otherwise. */
import { describe, expect, test } from '@jest/globals';
import { RULES } from '../../src/topology/lint.ts';
import { ALARM_CASES } from './alarm-rule-cases.ts';
import { FILE_CASES } from './file-rule-cases.ts';
import { type Case, LEARNING_CASES } from './learning-rule-cases.ts';
import { RESAMPLE_CASES } from './resample-rule-cases.ts';
import { complaints, examine, FINE } from './sample.ts';
import { SPENDING_CASES } from './spending-rule-cases.ts';
import { TOOL_CASES } from './tool-rule-cases.ts';
import { TOPIC_CASES } from './topic-rule-cases.ts';

const tail = (topic: string): string[] =>
  ['start', 'rollout', 'tools', 'decompose', 'judge', 'filter', 'reward', 'train']
    .slice(0, { trajectories: 3, scored: 7 }[topic])
    .map((stage) => `stages.${stage}=false`);

const KAFKA = "transport={kind: kafka, brokers: ['kafka:9092']";

const CASES: readonly Case[] = [
  {
    rule: 'no-stages',
    text: `${FINE}stages: {}`,
    path: 'stages',
    says: 'there is no stage',
    mended: { set: ['stages.train={}', 'fed=[scored]'] },
  },
  {
    rule: 'no-producer',
    set: ['stages.decompose=false'],
    path: 'stages.judge.reads',
    says: '`judge` reads `sub-trajectories`, which no stage writes: add the stage `decompose`, or list `sub-trajectories` under `fed`',
    mended: { set: ['stages.decompose=false', 'fed=[questions, sub-trajectories]'] },
  },
  {
    rule: 'no-producer',
    set: tail('scored'),
    path: 'stages.train.reads',
    says: '`train` reads `scored`',
    mended: { set: [...tail('scored'), 'source={run: old, topic: scored}'] },
  },
  {
    rule: 'wrong-records',
    set: ['stages.judge.reads=judged'],
    path: 'stages.judge.reads',
    says: '`judge` cannot read the records of `judged`: expected `sub-trajectories`',
    also: ['error cycle', 'error two-readers'],
  },
  {
    rule: 'wrong-records',
    set: ['stages.reward.writes=[updates]', 'stages.train=false'],
    path: 'stages.reward.writes',
    says: '`reward` does not write records of `updates`: expected `scored`',
    also: ['error wrong-records'],
  },
  {
    rule: 'wrong-records',
    set: ['stages.rollout.writes=[turns, tool-calls]', 'fed=[questions, trajectories]'],
    path: 'stages.rollout.writes',
    says: '`rollout` also writes `trajectories`, which is missing from `writes`',
  },
  {
    rule: 'cycle',
    set: ['stages.reward.writes=[scored, trajectories]'],
    path: 'stages.decompose.writes',
    says: 'decompose -> sub-trajectories -> judge -> judged -> filter -> accepted -> reward -> trajectories -> decompose',
    also: ['error wrong-records', 'error two-writers'],
  },
  {
    rule: 'two-readers',
    set: ['stages.reward.reads=judged'],
    path: 'stages.reward.reads',
    says: '`reward` reads `judged`, which `filter` reads too',
    also: ['error wrong-records'],
  },
  {
    rule: 'two-writers',
    set: ['stages.reward.writes=[scored, judged]'],
    path: 'stages.reward.writes',
    says: '`reward` writes `judged`, which `judge` writes too',
    also: ['error wrong-records', 'error cycle'],
  },
  {
    rule: 'broken-turns',
    set: ['stages.rollout=false', 'fed=[questions, trajectories]', 'stages.tools=false'],
    path: 'stages.start',
    says: 'no stage `rollout`',
  },
  {
    rule: 'broken-turns',
    set: ['stages.tools=false'],
    path: 'stages.rollout',
    says: 'the task `sums` has tools, but there is no stage `tools`',
    mended: { set: ['stages.tools=false', 'tasks.sums.tools=[]', 'tools={}'] },
  },
  {
    rule: 'source-conflict',
    set: ['source={run: main, topic: questions}'],
    path: 'source.run',
    says: 'the run `main` cannot replay itself',
    mended: { set: ['source={run: main, topic: questions}', 'run=again'] },
  },
  {
    rule: 'source-conflict',
    set: ['source={run: old, topic: trajectories}'],
    path: 'source.topic',
    says: 'what `rollout` writes there would be read by nobody',
    mended: { set: [...tail('trajectories'), 'source={run: old, topic: trajectories}'] },
  },
  {
    rule: 'source-conflict',
    set: ['source={run: old, topic: updates}'],
    path: 'source.topic',
    says: 'no stage reads `updates`',
    also: ['error source-conflict'],
  },
  {
    rule: 'source-conflict',
    set: ['source={run: old, topic: tool-calls}'],
    path: 'source.topic',
    says: 'cannot be replayed alone',
    also: ['error source-conflict'],
  },
  {
    rule: 'idle-feed',
    severity: 'warning',
    set: ['fed=[questions, scored]', 'stages.train=false'],
    path: 'fed.1',
    says: '`scored` is fed, but no stage reads it',
    mended: { set: ['fed=[questions, scored]'] },
  },
  {
    rule: 'follow-training',
    set: ['stages.rollout.follow={}', 'stages.train=false'],
    path: 'stages.rollout.follow',
    says: 'rollouts can follow only a local `policy` that `train` itself trains',
  },
  {
    rule: 'follow-training',
    set: ['stages.rollout.follow={}', 'stages.rollout.merge=deterministic'],
    path: 'stages.rollout.follow',
    says: 'expected `merge: arrival`',
    mended: { set: ['stages.rollout.follow={}'] },
  },
  { rule: 'no-tasks', text: 'run: main', path: 'tasks', says: 'there is no task' },
  {
    rule: 'unknown-tool',
    set: ['tasks.sums.tools=[calculator, calculater]'],
    path: 'tasks.sums.tools.1',
    says: 'did you mean `calculator`?',
  },
  {
    rule: 'unused-tool',
    severity: 'warning',
    set: ['tasks.sums.tools=[]'],
    path: 'tools.calculator',
    says: 'no task has the tool `calculator`',
  },
  {
    rule: 'repeated-tool',
    set: ['tasks.sums.tools=[calculator, calculator]'],
    path: 'tasks.sums.tools.1',
    says: 'twice',
  },
  {
    rule: 'shared-tag',
    set: ['tools.other={kind: calculator}', 'tasks.sums.tools=[calculator, other]'],
    path: 'tools.other.tag',
    says: '<math_exp> is already the tag of the tool `calculator`',
    mended: { set: ['tools.other={kind: calculator, tag: sum}', 'tasks.sums.tools=[calculator, other]'] },
  },
  {
    rule: 'shared-tag',
    set: ['tools.calculator.tag=answer'],
    path: 'tools.calculator.tag',
    says: '<answer> is already the tag of the final answer',
  },
  {
    rule: 'no-step-for-tools',
    severity: 'warning',
    set: ['tasks.sums.maxSteps=1'],
    path: 'tasks.sums.maxSteps',
    says: 'only 1 step',
    mended: { set: ['tasks.sums.maxSteps=2'] },
  },
  ...LEARNING_CASES,
  ...RESAMPLE_CASES,
  ...TOPIC_CASES,
  ...ALARM_CASES,
  ...SPENDING_CASES,
  ...FILE_CASES,
  ...TOOL_CASES,
  {
    rule: 'no-instructions',
    severity: 'warning',
    set: ['policy={kind: openai, model: m}', 'learner={}', "tasks.sums.instructions=''"],
    path: 'tasks.sums.instructions',
    says: 'does not know the tags',
    mended: { set: ['policy={kind: openai, model: m}', 'learner={}'] },
  },
  {
    rule: 'equal-votes',
    severity: 'warning',
    set: ['judge={kind: openai, model: m, votes: 3}'],
    path: 'judge.temperature',
    says: '3 votes at temperature 0 are the same vote 3 times',
    mended: { set: ['judge={kind: openai, model: m, votes: 3, temperature: 0.7}'] },
  },
  {
    rule: 'nothing-to-learn',
    set: ['stages.train={advantage: centered, beta: 0.1, batch: {subTrajectories: 1}}'],
    path: 'stages.train.batch',
    says: 'in a batch of one it is always 0',
    mended: { set: ['stages.train={advantage: centered, beta: 0.1, batch: {subTrajectories: 2}}'] },
  },
  {
    rule: 'nothing-to-learn',
    set: ['reward={kind: constant, value: 0}'],
    path: 'reward.value',
    says: 'always 0',
    mended: { set: ['reward={kind: constant, value: 1}'] },
  },
  {
    rule: 'nothing-to-learn',
    set: ['reward={kind: constant}', 'stages.train={advantage: centered, beta: 0.1}'],
    path: 'stages.train.advantage',
    says: 'a constant reward, centered, is always 0',
  },
  {
    rule: 'merge-partitions',
    set: ['topics.turns.partitions=4'],
    path: 'topics.turns.partitions',
    says: 'expected 1, or `stages.rollout.merge: arrival`',
    mended: { set: ['topics.turns.partitions=4', 'stages.rollout.merge=arrival'] },
  },
  {
    rule: 'train-needs-local',
    set: ['policy={kind: openai, model: m}'],
    path: 'policy.kind',
    says: 'name the local policy that learns under `learner`',
    mended: { set: ['policy={kind: openai, model: m}', 'learner={}'] },
  },
  { rule: 'idle-learner', set: ['learner={}'], path: 'learner', says: '`policy` is local and learns itself' },
  {
    rule: 'idle-learner',
    severity: 'warning',
    set: ['policy={kind: openai, model: m}', 'learner={}', 'stages.train=false'],
    path: 'learner',
    says: 'no stage `train`',
  },
  {
    rule: 'remote-merge',
    severity: 'warning',
    set: ['policy={kind: openai, model: m}', 'learner={}', 'stages.rollout.merge=deterministic'],
    path: 'stages.rollout.merge',
    says: 'not repeatable',
    mended: { set: ['policy={kind: openai, model: m}', 'learner={}', 'stages.rollout.merge=auto'] },
  },
  {
    rule: 'no-adapter',
    severity: 'warning',
    context: { adapter: null },
    path: 'policy',
    says: 'no WebGPU adapter',
    mended: { context: { adapter: 'some GPU' } },
  },
  {
    rule: 'no-adapter',
    set: ['policy.device=webgpu'],
    context: { adapter: null },
    path: 'policy.device',
    says: 'expected a WebGPU adapter, found none',
    mended: { set: ['policy.device=reference'], context: { adapter: null } },
  },
  {
    rule: 'missing-variable',
    severity: 'warning',
    set: ['judge={kind: openai, model: m, apiKeyEnv: JUDGE_KEY}'],
    context: { env: {} },
    path: 'judge.apiKeyEnv',
    says: 'the environment variable `JUDGE_KEY` is not set',
    mended: {
      set: ['judge={kind: openai, model: m, apiKeyEnv: JUDGE_KEY}'],
      context: { env: { JUDGE_KEY: 'x' } },
    },
  },
  {
    rule: 'unfilled-slot',
    severity: 'warning',
    set: ["tasks.sums.instructions='Use <{{tag}}> for {{ question }}, at most {{tag}}.'"],
    path: 'tasks.sums.instructions',
    says: 'nobody fills {{tag}}, {{ question }}:',
    mended: { set: ["tasks.sums.instructions='Use <math_exp> as in {x}.'"] },
  },
  {
    rule: 'example-without-action',
    severity: 'warning',
    set: [
      'tasks.sums.examples=[{user: "1+1?", assistant: "<answer>2</answer>"}, {user: "2+2?", assistant: "4"}]',
    ],
    path: 'tasks.sums.examples.1.assistant',
    says: 'the policy is shown what is no action: the message has no tool call and no answer.',
    mended: { set: ['tasks.sums.examples=[{user: "2+2?", assistant: "<answer>4</answer>"}]'] },
  },
  {
    rule: 'no-substitution',
    severity: 'warning',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what a user might write
    set: ['folder=${HOME}/runs'],
    path: 'folder',
    says: 'does not do',
  },
  {
    rule: 'missing-secret',
    severity: 'warning',
    set: [`${KAFKA}, security: {tls: {}, sasl: {mechanism: plain, usernameEnv: KU, passwordEnv: KP}}}`],
    context: { env: { KU: 'ada', KP: '' } },
    path: 'transport.security.sasl.passwordEnv',
    says: '`KP` is not set',
  },
  {
    rule: 'missing-secret',
    severity: 'warning',
    set: [`${KAFKA}, registry: {url: 'https://r', usernameEnv: RU, passwordEnv: RP}}`],
    context: { env: { RP: 'x' } },
    path: 'transport.registry.usernameEnv',
    says: '`RU` is not set',
  },
  {
    rule: 'missing-security-file',
    set: [`${KAFKA}, security: {tls: {caFile: certs/ca.pem}}}`],
    context: { exists: (path) => !path.endsWith('.pem') },
    path: 'transport.security.tls.caFile',
    says: 'there is no /work/here/certs/ca.pem',
    mended: { set: [`${KAFKA}, security: {tls: {caFile: certs/ca.pem}}}`], context: { exists: () => true } },
  },
  {
    rule: 'open-password',
    severity: 'warning',
    set: [`${KAFKA}, security: {sasl: {mechanism: oauthbearer, command: [get-token]}}}`],
    path: 'transport.security.sasl',
    says: 'without `tls`',
    mended: { set: [`${KAFKA}, security: {tls: {}, sasl: {mechanism: oauthbearer, command: [get-token]}}}`] },
  },
  {
    rule: 'open-password',
    severity: 'warning',
    set: [`${KAFKA}, security: {tls: {rejectUnauthorized: false}}}`],
    path: 'transport.security.tls.rejectUnauthorized',
    says: 'anybody may pose as the broker',
    mended: { set: [`${KAFKA}, security: {tls: {}}}`] },
  },
  {
    rule: 'open-registry',
    severity: 'warning',
    set: [`${KAFKA}, registry: {url: 'http://r', usernameEnv: RU, passwordEnv: RP}}`],
    path: 'transport.registry.url',
    says: 'expected an https address',
    mended: { set: [`${KAFKA}, registry: {url: 'https://r', usernameEnv: RU, passwordEnv: RP}}`] },
  },
];

test('a topology with nothing wrong draws no complaint', () => {
  expect(examine()).toMatchObject({ problems: [] });
});

describe.each(CASES)(
  '$rule at $path',
  ({ rule, severity = 'error', set, text, context, path, says, also = [], mended }) => {
    const given = {
      ...(set === undefined ? {} : { set }),
      ...(text === undefined ? {} : { text }),
      ...(context === undefined ? {} : { context }),
    };

    test('is complained about, with nothing else', () => {
      const problem = examine(given).problems.find(
        (found) => found.rule === rule && found.path === path && found.message.includes(says),
      );
      expect(problem).toMatchObject({ severity });
      expect(complaints(given).sort()).toEqual([`${severity} ${rule}`, ...also].sort());
    });

    if (mended !== undefined) {
      test('is silent once mended', () => {
        expect(complaints({ ...(text === undefined ? {} : { text }), ...mended })).toEqual([]);
      });
    }
  },
);

test('every rule has a case, and a name of its own', () => {
  const names = RULES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => !CASES.some((known) => known.rule === name))).toEqual([]);
});
