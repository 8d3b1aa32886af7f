/** Tells a user of a tool's faults, each kind once: the policy is shown every one, as an observation. */
import { printable } from '../monitor/printable.ts';

export type TellFault = (kind: string, detail: string) => void;

/** `tools.NAME: KIND: DETAIL`, and what becomes of it. */
export function tellFaults(name: string, notify: (message: string) => void): TellFault {
  const told = new Set<string>();
  return (kind, detail) => {
    if (told.has(kind)) return;
    told.add(kind);
    notify(
      `tools.${name}: ${kind}${detail === '' ? '' : `: ${printable(detail.replace(/\.$/, ''), 300)}`}. The policy is shown it as an observation; this is said once.`,
    );
  };
}
