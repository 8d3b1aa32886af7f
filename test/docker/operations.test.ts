/** What docs/kafka-operations.md shows is what there is. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { groupName, topicName } from '../../src/topics/kafka/names.ts';
import { STAGE_RECORDS, type StageName } from '../../src/topology/stage-configs.ts';
import { topologyConfig } from '../../src/topology/topology.ts';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const text = readFileSync(`${docs}kafka-operations.md`, 'utf8');

test('its topologies are accepted', () => {
  const blocks = [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, block]) => block ?? '');
  expect(blocks.length).toBeGreaterThan(0);
  for (const block of blocks) expect(topologyConfig.safeParse(parse(block)).error?.message).toBeUndefined();
});

test('its links lead somewhere', () => {
  const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link ?? '');
  expect(links).toContain('../docker/compose.yaml');
  expect(links.filter((link) => !existsSync(docs + link))).toEqual([]);
});

test('the groups and topics in its commands are called so', () => {
  const named = [...text.matchAll(/--group swirl\.main\.(\w+)\.([\w-]+)(?: --topic (\S+))?/g)];
  expect(named.length).toBeGreaterThan(2);
  for (const [shown, stage = '', , topic] of named) {
    const { reads } = STAGE_RECORDS[stage as StageName];
    const group = groupName({ run: 'main', group: stage, topic: reads, source: 'main' });
    const rest = topic === undefined ? '' : ` --topic ${topicName('main', reads)}`;
    expect(shown).toBe(`--group ${group}${rest}`);
  }
});

test('the defaults that it names are those of the configuration', () => {
  const { transport } = topologyConfig.parse({ transport: { kind: 'kafka', brokers: ['b:1'] } });
  if (transport.kind !== 'kafka') throw new Error('expected Kafka');
  const { handOverMs, heartbeatMs, sessionMs, outageMs, transactionMs, fetchBytes, maxRecordBytes } =
    transport;
  for (const [shown, is] of [
    ['`handOverMs` (20 s)', handOverMs === 20_000],
    ['(`heartbeatMs`, 3 s)', heartbeatMs === 3_000],
    ['`sessionMs` (45 s;', sessionMs === 45_000],
    ['`outageMs` (10 minutes)', outageMs === 600_000],
    ['`transactionMs` (1 minute)', transactionMs === 60_000],
    ['`fetchBytes` (1 MiB)', fetchBytes === 2 ** 20],
    ['`transport.maxRecordBytes`, 4 MiB by default', maxRecordBytes === 4 * 2 ** 20],
  ] as const) {
    expect([shown, text.replace(/\s+/g, ' ').includes(shown), is]).toEqual([shown, true, true]);
  }
});
