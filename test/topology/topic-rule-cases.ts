/** The rules about topics and stages of one's own: what breaks them, what they say, and what mends it. */
import type { Case } from './learning-rule-cases.ts';

const OWN = 'topics.distinct={record: judged}';
const SCHEMA = '{type: record, name: Flagged, fields: [{name: id, type: string}]}';

export const TOPIC_CASES: readonly Case[] = [
  {
    rule: 'unknown-topic',
    set: ['stages.filter.reads=judgd'],
    path: 'stages.filter.reads',
    says: '`filter` reads `judgd`, which is no topic; did you mean `judged`?',
    mended: { set: ['stages.filter.reads=judged'] },
  },
  {
    rule: 'unknown-topic',
    set: ['fed=[questions, flaged]', `topics.flagged={schema: ${SCHEMA}, key: id}`],
    path: 'fed.1',
    says: 'did you mean `flagged`?',
    also: ['warning idle-feed', 'warning idle-topic'],
  },
  {
    rule: 'closed-topic',
    set: ['fed=[questions, turns]'],
    path: 'fed.1',
    says: '`turns` is filled by Swirl alone',
  },
  {
    rule: 'idle-topic',
    severity: 'warning',
    set: [OWN],
    path: 'topics.distinct',
    says: 'nothing writes or reads the topic `distinct`',
    mended: { set: [OWN, 'stages.judge.writes=[distinct]', 'stages.filter.reads=distinct'] },
  },
  {
    rule: 'idle-topic',
    severity: 'warning',
    set: [OWN, 'stages.judge.writes=[distinct]', 'fed=[questions, judged]'],
    path: 'topics.distinct',
    says: 'no stage reads the topic `distinct`, whose records are those of `judged`; was `filter` to read it?',
  },
  {
    rule: 'wrong-records',
    set: [
      `topics.flagged={schema: ${SCHEMA}, key: id}`,
      'stages.filter.reads=flagged',
      'fed=[questions, flagged]',
    ],
    path: 'stages.filter.reads',
    says: 'expected `judged`, or a topic with its records',
  },
  {
    rule: 'wrong-records',
    set: [OWN, 'stages.judge.writes=[judged, distinct]', 'fed=[questions, distinct]'],
    path: 'stages.judge.writes',
    says: '`distinct` and `judged` hold the same records',
    also: ['warning idle-topic', 'warning idle-feed'],
  },
  {
    rule: 'wrong-records',
    set: ['topics.steps={record: updates}', 'stages.train.writes=[steps]'],
    path: 'stages.train.writes',
    says: 'that is where its checkpoints look',
    also: ['warning idle-topic'],
  },
  {
    rule: 'own-stage',
    set: ['stages.mine={kind: module, path: ./mine.ts, reads: judged, writes: [failures]}'],
    path: 'stages.mine.writes',
    says: '`failures` is understood',
    mended: { set: ['stages.mine={kind: module, path: ./mine.ts, reads: judged, writes: []}'] },
  },
  {
    rule: 'own-stage',
    set: [
      'stages.mine={kind: module, path: ./mine.ts, reads: judged, writes: [flagged, flagged]}',
      `topics.flagged={schema: ${SCHEMA}, key: id}`,
    ],
    path: 'stages.mine.writes',
    says: '`flagged` is there twice',
  },
  {
    rule: 'own-stage',
    severity: 'warning',
    set: [
      'stages.mine={kind: module, path: ./mine.ts, reads: judged, writes: [], over: record, lookback: 5}',
    ],
    path: 'stages.mine.lookback',
    says: 'over single records there is none',
    mended: {
      set: [
        'stages.mine={kind: module, path: ./mine.ts, reads: judged, writes: [], over: partition, lookback: 5}',
      ],
    },
  },
  {
    rule: 'no-producer',
    set: [
      'stages.mine={kind: module, path: ./mine.ts, reads: flagged, writes: []}',
      `topics.flagged={schema: ${SCHEMA}, key: id}`,
    ],
    path: 'stages.mine.reads',
    says: '`mine` reads `flagged`, which no stage writes: list `flagged` under `fed`',
  },
  {
    rule: 'cycle',
    set: [
      'stages.mine={kind: module, path: ./mine.ts, reads: accepted, writes: [again]}',
      'topics.again={record: judged}',
      'stages.filter.reads=again',
    ],
    path: 'stages.filter.writes',
    says: 'filter -> accepted -> mine -> again -> filter',
  },
  {
    rule: 'two-writers',
    set: ['stages.mine={kind: module, path: ./mine.ts, reads: judged, writes: [accepted]}'],
    path: 'stages.mine.writes',
    says: '`mine` writes `accepted`, which `filter` writes too',
  },
  {
    rule: 'merge-partitions',
    set: [
      'stages.mine={kind: module, path: ./mine.ts, reads: first, writes: [turns]}',
      'topics.first={record: turns, partitions: 2}',
      'stages.start.writes=[first]',
      'stages.rollout.merge=deterministic',
    ],
    path: 'topics.first.partitions',
    says: '`first` has 2 partitions, but the merge of turns is deterministic',
  },
];
