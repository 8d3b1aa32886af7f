/** The rule about alarms: what breaks it, what it says, and what mends it. */
import type { Case } from './learning-rule-cases.ts';

export const ALARM_CASES: readonly Case[] = [
  {
    rule: 'alarm-conditions',
    set: ['alarms=[{when: share.Bad > 0.8}]'],
    path: 'alarms.0.when',
    says: 'when "share.Bad > 0.8": at column 1, there is no field `share.Bad`; did you mean `share.BAD`?',
    mended: { set: ['alarms=[{when: share.BAD > 0.8}]'] },
  },
  {
    rule: 'alarm-conditions',
    set: ['alarms=[{when: lag.jugde > 100, do: stop}]'],
    path: 'alarms.0.when',
    says: 'did you mean `lag.judge`?',
    mended: { set: ['alarms=[{when: lag.judge > 100, do: stop}]'] },
  },
  {
    rule: 'alarm-conditions',
    set: ['alarms=[{when: mean.gradNorm > 10}, {when: mean.gradNorm is high}]'],
    path: 'alarms.1.when',
    says: 'expected one of == != < <= > >= ~, found "is"',
    mended: { set: ['alarms=[{when: mean.gradNorm > 10 or max.meanRatio >= 2}]'] },
  },
  {
    rule: 'alarm-conditions',
    set: ['alarms=[{when: lag.judge > 5 or share.BAD > 2}]'],
    path: 'alarms.0.when',
    says: 'at column 18, `share.BAD` is a share, from 0 to 1: it is never > 2',
    mended: { set: ['alarms=[{when: lag.judge > 5 or share.BAD > 0.2}]'] },
  },
  {
    rule: 'alarm-conditions',
    set: ['alarms=[{when: max.gradNorm > 10 and max.gradNorm < 5}]'],
    path: 'alarms.0.when',
    says: '`max.gradNorm` is never > 10 and < 5 at once',
    mended: { set: ['alarms=[{when: max.gradNorm > 10 and max.gradNorm < 50}]'] },
  },
  {
    rule: 'alarm-conditions',
    severity: 'warning',
    set: ['alarms=[{when: share.empty > 0.5}]', 'stages.train=false'],
    path: 'alarms.0.when',
    says: 'it looks at updates, and there is no stage `train`',
    mended: { set: ['alarms=[{when: share.failed > 0.5}]', 'stages.train=false'] },
  },
];
