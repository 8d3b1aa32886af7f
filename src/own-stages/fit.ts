/** Whether a module's operator and what the topology wants of it go together. */
import type { StageTraits } from '../parts/define-stage.ts';

type Over = 'record' | 'partition';

/** What an operator is applied to: as the topology says, or else the module. */
export function overOf({ over }: { readonly over: Over | null }, says: StageTraits): Over {
  return over ?? says.over ?? 'record';
}

/** Why a module cannot do what the topology wants; null: it can. */
export function unfit(
  { reads, over }: { readonly reads: string; readonly over: Over | null },
  says: StageTraits,
  record: string | null,
): string | null {
  // Modules may be in JavaScript, which nobody checked.
  if (says.over !== undefined && !['record', 'partition'].includes(says.over)) {
    return `its \`over\` must be 'record' or 'partition', found ${JSON.stringify(says.over)}`;
  }
  if (over !== null && says.over !== undefined && over !== says.over) {
    return `it works over a ${says.over}, and the topology says \`over: ${over}\``;
  }
  const takes: readonly string[] = says.reads === undefined ? [] : [says.reads].flat();
  if (takes.length === 0 || (record !== null && takes.includes(record))) return null;
  const known = takes.map((topic) => `\`${topic}\``).join(' or ');
  return `it takes the records of ${known}, and \`${reads}\` has others`;
}
