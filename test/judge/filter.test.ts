import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { from, lastValueFrom, Subject, toArray } from 'rxjs';
import type { Matcher } from '../../src/agent/matcher.ts';
import { subTrajectories } from '../../src/decompose/decompose.ts';
import { ModelError } from '../../src/errors.ts';
import { type FilterDeps, filter } from '../../src/judge/filter.ts';
import type { FilterConfig } from '../../src/judge/filter-config.ts';
import { retryConfig } from '../../src/runtime/retry.ts';
import type { Delivery, Finished } from '../../src/runtime/stage.ts';
import type { Judged, Question, VerdictLabel } from '../../src/topics/records.generated.ts';
import { deliveries, judged, question, trajectory } from '../records.ts';

const matcher: Matcher = { by: null, matches: ({ answer, golds }) => golds.includes(answer) };
const deps: FilterDeps = {
  matcher,
  window: 100,
  retry: retryConfig.parse({ attempts: 2 }),
  sleep: async () => {},
};
const process: FilterConfig = { mode: 'process', unknown: 'reject' };

function steps(id: string, labels: readonly VerdictLabel[], over = {}): Judged[] {
  return subTrajectories(trajectory(id, labels.length - 1, over)).map((sub, i) => judged(sub, labels[i]));
}

async function run(
  input: readonly Judged[],
  config = process,
  over: Partial<FilterDeps> = {},
): Promise<Finished[]> {
  const operator = filter(config, { ...deps, ...over });
  return lastValueFrom(from(deliveries(input, 'judged')).pipe(operator, toArray()));
}

function accepted(finished: readonly Finished[]): string[] {
  return finished.flatMap(({ outputs }) =>
    outputs.flatMap((o) => (o.topic === 'accepted' ? o.value.id : [])),
  );
}

function failed(finished: readonly Finished[]): string[] {
  return finished.flatMap(({ outputs }) =>
    outputs.flatMap((o) => (o.topic === 'failures' ? o.value.message : [])),
  );
}

describe('filter', () => {
  test('a trajectory that began again at a recorded context is whole with its own steps', async () => {
    const own = subTrajectories(trajectory('q1/0~2.1', 3)).map((sub) => judged(sub));
    expect(own.map(({ id }) => id)).toEqual(['q1/0~2.1/2', 'q1/0~2.1/3']);
    expect(accepted(await run(own))).toEqual(own.map(({ id }) => id));
    const [first] = own as [Judged];
    const before = { ...first, subTrajectory: { ...first.subTrajectory, index: 1 } };
    expect(failed(await run([before, ...own]))).toEqual([expect.stringContaining('does not fit')]);
  });

  test('keeps a trajectory as a whole, in order and adjacent, exactly when the process filter passes it', async () => {
    const label = fc.constantFrom<VerdictLabel>('GOOD', 'GOOD', 'BAD', 'UNKNOWN');
    const trajectories = fc.array(fc.array(label, { minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(trajectories, fc.infiniteStream(fc.nat()), async (all, random) => {
        const byTrajectory = all.map((labels, i) => steps(`q${i}/0`, labels));
        // Steps arrive interleaved in any way that keeps each trajectory's own order.
        const queues = byTrajectory.map((records) => [...records]);
        const input: Judged[] = [];
        while (queues.some((queue) => queue.length > 0)) {
          const waiting = queues.filter((queue) => queue.length > 0);
          input.push(waiting[random.next().value % waiting.length].shift() as Judged);
        }
        const finished = await run(input);
        const kept = byTrajectory.filter((records) =>
          records.every(({ verdict }) => verdict.label === 'GOOD'),
        );
        const ids = accepted(finished);
        expect([...ids].sort()).toEqual(kept.flatMap((records) => records.map(({ id }) => id)).sort());
        for (const records of kept) {
          const at = ids.indexOf(records[0]?.id as string);
          expect(ids.slice(at, at + records.length)).toEqual(records.map(({ id }) => id));
        }
        // Every delivery is finished exactly once.
        expect(finished.map(({ offset }) => offset).sort((a, b) => Number(a) - Number(b))).toEqual(
          input.map((_, i) => i),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('puts the outputs on the last delivery, so that no commit can split a trajectory', async () => {
    const finished = await run(steps('q1/0', ['GOOD', 'GOOD', 'GOOD']));
    expect(finished.map(({ offset, outputs }) => [offset, outputs.length])).toEqual([
      [0, 0],
      [1, 0],
      [2, 3],
    ]);
  });

  test('reads the gold answer in the outcome modes only, and says where it is missing', async () => {
    const right = steps('q1/0', ['BAD', 'GOOD']);
    const wrong = steps('q2/0', ['GOOD', 'GOOD'], {
      question: { ...right[0]?.subTrajectory.question, id: 'q2', answer: '6' },
    });
    const open = steps('q3/0', ['GOOD'], {
      question: { ...right[0]?.subTrajectory.question, id: 'q3', answer: null },
    });
    const input = [...right, ...wrong, ...open];
    const outcome = await run(input, { mode: 'outcome', unknown: 'reject' });
    expect(accepted(outcome)).toEqual(['q1/0/0', 'q1/0/1']);
    expect(failed(outcome)).toEqual([
      'trajectory q3/0: the outcome filter needs a gold answer, and question q3 has none',
    ]);
    expect(accepted(await run(input, { mode: 'process+outcome', unknown: 'reject' }))).toEqual([]);
    expect(accepted(await run(input, { mode: 'process', unknown: 'reject' }))).toEqual([
      'q2/0/0',
      'q2/0/1',
      'q3/0/0',
    ]);
    expect(accepted(await run(input, { mode: 'none', unknown: 'reject' }))).toHaveLength(5);
  });

  test('any of several gold answers counts; blank ones are none', async () => {
    const of = (id: string, over: Partial<Question>) =>
      steps(`${id}/0`, ['GOOD'], { question: question({ id, ...over }) });
    const input = [
      ...of('q1', { answer: 'five', answers: ['6', '5'] }),
      ...of('q2', { answer: null, answers: ['5'] }),
      ...of('q3', { answer: 'five', answers: ['six'] }),
      ...of('q4', { answer: ' ', answers: [''] }),
    ];
    const finished = await run(input, { mode: 'outcome', unknown: 'reject' });
    expect(accepted(finished)).toEqual(['q1/0/0', 'q2/0/0']);
    expect(failed(finished)).toEqual([
      'trajectory q4/0: the outcome filter needs a gold answer, and question q4 has none',
    ]);
  });

  test('takes UNKNOWN for GOOD only when told to', async () => {
    const input = steps('q1/0', ['GOOD', 'UNKNOWN']);
    expect(accepted(await run(input))).toEqual([]);
    expect(accepted(await run(input, { mode: 'process', unknown: 'accept' }))).toHaveLength(2);
  });

  test('gives up incomplete trajectories when the topic is drained or the window is full, and says so', async () => {
    const incomplete = steps('q1/0', ['GOOD', 'GOOD', 'GOOD']).slice(0, 2);
    const drained = await run([...incomplete, ...steps('q2/0', ['GOOD'])]);
    expect(accepted(drained)).toEqual(['q2/0/0']);
    expect(failed(drained)).toEqual(
      Array(2).fill('trajectory q1/0: 2 of its 3 steps were judged, then the topic was drained'),
    );
    const full = await run([...incomplete, ...steps('q2/0', ['GOOD', 'GOOD'])], process, { window: 3 });
    expect(accepted(full)).toEqual(['q2/0/0', 'q2/0/1']);
    expect(failed(full)[0]).toBe(
      "trajectory q1/0: 2 of its 3 steps were judged, then the filter's window of 3 records was full",
    );
  });

  test('finished trajectories fill the window too: behind an incomplete one they cannot be committed', async () => {
    const [lost] = steps('q0/0', ['GOOD', 'GOOD']);
    const others = [1, 2, 3, 4].flatMap((n) => steps(`q${n}/0`, ['GOOD']));
    // As the runtime does: no more than the window, from the first that is not finished on.
    const [source, seen] = [new Subject<Delivery<Judged>>(), new Set<number | null>()];
    const messages: string[] = [];
    source.pipe(filter(process, { ...deps, window: 3 })).subscribe((finished) => {
      seen.add(finished.offset);
      messages.push(...failed([finished]));
    });
    const waiting = deliveries([lost as Judged, ...others]);
    let first = 0;
    for (const delivery of waiting) {
      while (seen.has(first)) first++;
      if ((delivery.offset ?? 0) - first < 3) source.next(delivery);
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4]);
    expect(messages).toEqual([
      "trajectory q0/0: 1 of its 2 steps were judged, then the filter's window of 3 records was full",
    ]);
  });

  test('holds an incomplete trajectory while more may come', async () => {
    const [first, second] = deliveries(steps('q1/0', ['GOOD', 'GOOD']));
    const source = new Subject<Delivery<Judged>>();
    const seen: Finished[] = [];
    source.pipe(filter(process, { ...deps, window: 10 })).subscribe((finished) => seen.push(finished));
    source.next(first as Delivery<Judged>);
    expect(seen).toEqual([]);
    source.next(second as Delivery<Judged>);
    expect(seen).toHaveLength(2);
  });

  test('refuses a step that comes twice or contradicts its trajectory', async () => {
    const [first, second] = steps('q1/0', ['GOOD', 'GOOD']) as [Judged, Judged];
    const odd: Judged = { ...second, subTrajectory: { ...second.subTrajectory, count: 7 } };
    const finished = await run([first, first, odd, second]);
    expect(accepted(finished)).toEqual(['q1/0/0', 'q1/0/1']);
    expect(failed(finished)).toHaveLength(2);
  });

  test('waits for a matcher that takes its time, and says whose it is', async () => {
    const by = { module: 'mine.js', export: 'default', hash: 'h', settings: '{}' };
    const slow: Matcher = { by, matches: async ({ answer }) => (await Promise.resolve(answer)) === '5' };
    const finished = await run(
      [...steps('q1/0', ['GOOD', 'BAD']), ...steps('q2/0', ['GOOD'])],
      { mode: 'outcome', unknown: 'reject' },
      { matcher: slow },
    );
    expect([...accepted(finished)].sort()).toEqual(['q1/0/0', 'q1/0/1', 'q2/0/0']);
    const values = finished.flatMap(({ outputs }) => outputs.map(({ value }) => value));
    expect(values.every((value) => 'by' in value && value.by === by)).toBe(true);
  });

  test('a matcher that fails makes failures of the whole trajectory, after what retries are worth', async () => {
    let asked = 0;
    const broken: Matcher = {
      by: null,
      matches: async ({ question: { id } }) => {
        asked++;
        if (id === 'q1') throw new ModelError('it broke', { retryable: true });
        return true;
      },
    };
    const finished = await run(
      [...steps('q1/0', ['GOOD', 'GOOD']), ...steps('q2/0', ['GOOD'])],
      { mode: 'outcome', unknown: 'reject' },
      { matcher: broken },
    );
    expect(accepted(finished)).toEqual(['q2/0/0']);
    expect(failed(finished)).toEqual(['it broke', 'it broke']);
    expect(asked).toBe(3);
    expect(finished.map(({ offset }) => offset).sort()).toEqual([0, 1, 2]);
  });

  test('a defect of a matcher ends the stream', async () => {
    const defect: Matcher = { by: null, matches: async () => Promise.reject(new Error('a defect')) };
    const running = run(steps('q1/0', ['GOOD']), { mode: 'outcome', unknown: 'reject' }, { matcher: defect });
    await expect(running).rejects.toThrow('a defect');
  });
});
