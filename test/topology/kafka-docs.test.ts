/**
 * What docs/kafka.md shows is what there is: its topologies are accepted, its table has every topic, its
 * examples exist.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { schemaOf } from '../../src/topics/avro/codec.ts';
import { TOPICS } from '../../src/topology/topics.ts';
import { topologyConfig } from '../../src/topology/topology.ts';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const text = readFileSync(`${docs}kafka.md`, 'utf8');

test('every topology in it is accepted', () => {
  const blocks = [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, block]) => block ?? '');
  expect(blocks.length).toBeGreaterThan(3);
  for (const block of blocks) {
    const { error } = topologyConfig.safeParse(parse(block));
    expect(error === undefined ? block : `${block}\n${error.message}`).toBe(block);
  }
});

test('its table has every topic in the order of the flow, with what the schema says of it', () => {
  const rows = [...text.matchAll(/^\| `([^`]+)` \| (.+) \| (.+) \|$/gm)];
  expect(rows.map(([, topic]) => topic)).toEqual(TOPICS);
  for (const [i, topic] of TOPICS.entries()) {
    const { doc } = schemaOf(topic) as unknown as { doc: string };
    const key = /Key: (.*)\.$/.exec(doc)?.[1] ?? '';
    // The table may shorten what stands after the first comma.
    expect((rows[i]?.[3] ?? '').startsWith(key.split(',')[0])).toBe(true);
  }
});

test('its links lead somewhere', () => {
  const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link ?? '');
  expect(links).toContain('examples/feed.py');
  expect(links.filter((link) => !/^https?:/.test(link) && !existsSync(docs + link))).toEqual([]);
});
