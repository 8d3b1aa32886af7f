/** What a member of a group asks for, against a coordinator that the test plays. */
import { expect, test } from '@jest/globals';
import { GroupMember } from '../../../src/topics/kafka/group-member.ts';
import type { Link } from '../../../src/topics/kafka/link.ts';

const JOIN_GROUP = 11;
const HEARTBEAT = 12;

interface Request {
  readonly key: number;
  readonly fields: { readonly groupProtocols?: readonly { readonly metadata: Buffer }[] };
}

/** The partitions that a request to join claims. */
function claimed({ fields }: Request): unknown {
  const text = fields.groupProtocols?.[0]?.metadata.toString('latin1') ?? '';
  return JSON.parse(/\{"owned":\[[^\]]*\]\}/.exec(text)?.[0] ?? '{}').owned;
}

/** A link to one coordinator, which answers every request by `answer`. */
function linkTo(answer: (request: Request) => Promise<object>): Link {
  const coordinator = {
    lookupRequest: (key: number) => (fields: Request['fields']) => ({ key, fields }),
    connectionPool: { send: answer },
  };
  const link = {
    options: { closed: new AbortController().signal, now: () => performance.now() },
    patiently: (_: string, task: () => unknown) => task(),
    coordinator: async () => coordinator,
    reset: () => {},
    close: async () => {},
  };
  return link as unknown as Link;
}

test('what is let go while others are waited for is told in another request', async () => {
  let owned = [0, 1];
  const joins: Request[] = [];
  const over = new AbortController();
  const member = new GroupMember({
    link: linkTo(async (request) => {
      // It is content with what it was given.
      if (request.key === HEARTBEAT) over.abort();
      if (request.key !== JOIN_GROUP) return { memberAssignment: Buffer.alloc(0) };
      joins.push(request);
      if (joins.length === 1) {
        // The coordinator waits for the other members; meanwhile a partition is finished here.
        owned = [0];
        member.renew();
      }
      return { memberId: 'm', leaderId: 'another', generationId: joins.length, members: [] };
    }),
    ...{ group: 'g', topic: 't', worker: null, sessionMs: 45_000, heartbeatMs: 10, rebalanceMs: 1_000 },
    owned: () => owned,
    onAssigned: () => {},
    onEvicted: () => {},
  });
  await member.run(over.signal);
  expect(joins.map(claimed)).toEqual([[0, 1], [0]]);
});
