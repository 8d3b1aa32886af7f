/**
 * The parts of one's own that a topology names: its modules are imported and checked, its prompts read, and
 * what they are is written down in it by their hashes. Loading a module runs it, so this is a step of its
 * own, after the topology's text was found to be right.
 */
import { placeProblems, readPrompt } from '../agent/own-prompt.ts';
import { ConfigError } from '../errors.ts';
import type { PartProblem } from '../modules/check-export.ts';
import { changed, examinePart } from '../modules/load-part.ts';
import { unfit } from '../own-stages/fit.ts';
import type { StageTraits } from '../parts/define-stage.ts';
import type { Finding } from './check.ts';
import { recordsOf } from './flow.ts';
import { pathText } from './problem.ts';
import { isModule, isUsed, type PartPlace, partsIn } from './slots.ts';
import type { Topology } from './topology.ts';

export interface ExaminedParts {
  /** With the hashes of what was found. */
  readonly topology: Topology;
  readonly findings: readonly Finding[];
}

/**
 * `replayed`: what is not as its hash says is told, and no error. Parts that are of no use here are left
 * alone.
 */
export async function examineParts(
  topology: Topology,
  { replayed = false }: { readonly replayed?: boolean } = {},
): Promise<ExaminedParts> {
  const copy = structuredClone(topology);
  const refuse = copy.modules.changed === 'refuse' && !replayed;
  const found = partsIn(copy).filter((place) => isUsed(place, copy));
  const findings: Finding[] = [];
  for (const place of found) {
    const { hash, problems } = await examine(place, copy);
    findings.push(...problems);
    const key = isModule(place) ? 'hash' : 'promptHash';
    const expected = place.node[key];
    if (hash === null) continue;
    place.node[key] = hash;
    if (typeof expected !== 'string' || expected === hash) continue;
    const file = String(place.node[isModule(place) ? 'path' : 'prompt']);
    const what = `\`${pathText(place.path)}\`: ${changed(file, expected, hash)}`;
    findings.push({
      severity: refuse ? 'error' : 'warning',
      rule: 'changed-part',
      message: refuse ? `${what}; put it back, take \`${key}\` out, or set \`modules.changed=allow\`` : what,
      path: [...place.path, key],
      part: 'value',
    });
  }
  return { topology: copy, findings };
}

interface Examination {
  /** Null where nothing was found, or there is nothing of one's own. */
  readonly hash: string | null;
  readonly problems: readonly Finding[];
}

async function examine(place: PartPlace, topology: Topology): Promise<Examination> {
  if (isModule(place)) {
    const { loaded, problems: found } = await examinePart(place.slot.part, place.node, topology.modules);
    const problems = loaded === null ? found : unfitStage(place, loaded.definition as StageTraits, topology);
    const findings = problems.map(({ rule, message, path }): Finding => {
      const where = `\`${pathText(place.path)}\``;
      return {
        severity: 'error',
        rule,
        message: `${where}: ${message}`,
        path: [...place.path, ...path],
        part: 'value',
      };
    });
    return { hash: loaded?.origin.hash ?? null, problems: findings };
  }
  const { prompt } = place.node;
  if (place.kind.prompt === undefined || typeof prompt !== 'string') return { hash: null, problems: [] };
  const finding = (severity: Finding['severity'], message: string): Finding => {
    const path = [...place.path, 'prompt'];
    return { severity, rule: 'prompt', message: `\`${pathText(path)}\`: ${message}`, path, part: 'value' };
  };
  try {
    const { text, hash } = readPrompt(prompt);
    const { errors, warnings } = placeProblems(text, place.kind.prompt);
    const problems = [
      ...errors.map((message) => finding('error', `${prompt}: ${message}`)),
      ...warnings.map((message) => finding('warning', `${prompt}: ${message}`)),
    ];
    return { hash, problems };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { hash: null, problems: [finding('error', error.message)] };
  }
}

/** What is wrong between a stage's module and its wiring. */
function unfitStage(
  { slot, path }: PartPlace,
  definition: StageTraits,
  topology: Topology,
): readonly PartProblem[] {
  const stage = slot.part === 'stage' ? topology.ownStages[path.at(-1) ?? ''] : undefined;
  if (stage === undefined) return [];
  const message = unfit(stage, definition, recordsOf(topology, stage.reads) ?? null);
  return message === null ? [] : [{ rule: 'module-stage', message, path: ['reads'] }];
}
