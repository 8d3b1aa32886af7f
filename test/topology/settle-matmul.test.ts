/** A run keeps the rule by which its kernels were chosen; one from before there were rules has the first. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { resolveTopology } from '../../src/topology/load.ts';
import { replayTopology } from '../../src/topology/replay.ts';
import { writeResolved } from '../../src/topology/resolved.ts';
import { withKeptMatmul } from '../../src/topology/settle-matmul.ts';
import type { Topology } from '../../src/topology/topology.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-matmul-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const judge = { kind: 'local', checkpoint: 'judge' };
const topology = (over: Record<string, unknown> = {}) =>
  resolveTopology({ folder, policy: { kind: 'local' }, judge, tasks: { any: {} }, ...over }, folder);

const rules = ({ policy, judge: judging }: Topology) => [
  policy.kind === 'local' && policy.matmul,
  judging.kind === 'local' && judging.matmul,
];

/** The run's file as a Swirl wrote it that knew no rules. */
function keepWithoutRules(): void {
  const file = writeResolved(topology());
  const text = readFileSync(file, 'utf8');
  expect(text.match(/^ *matmul: auto\n/gm)).toHaveLength(2);
  writeFileSync(file, text.replace(/^# (Its|SHA).*\n/gm, '').replaceAll(/^ *matmul: auto\n/gm, ''));
}

test('a new run has the newest rule, and what is named stays', () => {
  expect(rules(topology())).toEqual(['auto', 'auto']);
  expect(rules(withKeptMatmul(topology()))).toEqual(['with-subgroups', 'with-subgroups']);
  const named = topology({ policy: { kind: 'local', matmul: 'workgroup' } });
  expect(rules(withKeptMatmul(named))).toEqual(['workgroup', 'with-subgroups']);
});

test('a run that was begun without a rule goes on, and is replayed, with the first', async () => {
  keepWithoutRules();
  expect(rules(withKeptMatmul(topology()))).toEqual(['without-subgroups', 'without-subgroups']);
  expect(rules(withKeptMatmul(topology({ run: 'other' })))).toEqual(['with-subgroups', 'with-subgroups']);
  const named = topology({ policy: { kind: 'local', matmul: 'with-subgroups' } });
  expect(rules(withKeptMatmul(named))).toEqual(['with-subgroups', 'without-subgroups']);
  const replayed = await replayTopology({ run: 'main', from: 'sub-trajectories', folder, set: [] });
  expect(rules(withKeptMatmul(replayed.topology))).toEqual(['without-subgroups', 'without-subgroups']);
});

test('a run that has a rule keeps it', () => {
  writeResolved(topology({ policy: { kind: 'local', matmul: 'registers' } }));
  expect(rules(withKeptMatmul(topology()))[0]).toBe('registers');
});
