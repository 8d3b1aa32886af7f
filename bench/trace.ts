/**
 * What following a record to its updates costs on a large run (`swirl trace`): a log of the embedded transport
 * is made with questions, trajectories, steps, verdicts, scored records and updates; then the first, a middle
 * and the last question, and the first and the last update, are traced by the command, each in a process of its
 * own. What is found is checked.
 *
 *   npx tsx bench/trace.ts [RECORDS] [FOLDER]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCodec } from '../src/topics/avro/codec.ts';
import { openEmbeddedLog } from '../src/topics/embedded/embedded-log.ts';
import { topicSpecs } from '../src/topology/flow.ts';
import { writeResolved } from '../src/topology/resolved.ts';
import { builtProgram } from '../test/end-to-end/built-program.ts';
import { question, trajectory } from '../test/records.ts';
import { judgedSteps } from '../test/watch/made-records.ts';
import { madeTopology, update } from '../test/watch/made-run.ts';

const records = Number(process.argv[2] ?? 1_000_000);
const folder = process.argv[3] ?? mkdtempSync(join(tmpdir(), 'swirl-bench-trace-'));
const STEPS = 3;
/** Of a question: itself, its trajectory, and for each step a verdict, an accepted and a scored record. */
const EACH = 2 + 3 * STEPS;
const questions = Math.floor(records / EACH / 1000) * 1000;
