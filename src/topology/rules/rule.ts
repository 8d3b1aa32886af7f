/** What a combination rule is: one thing that must hold between settings that are each fine alone. */
import type { Topology } from '../topology.ts';

/** What the machine offers. A rule that needs what is not given here finds nothing. */
export interface LintContext {
  /** Environment variables: keys such as `apiKeyEnv` name them. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Whether a file or folder exists. */
  readonly exists?: (path: string) => boolean;
  /** The WebGPU adapter's name; null: there is none. */
  readonly adapter?: string | null;
}

export interface RuleFinding {
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly path: readonly PropertyKey[];
}

export interface Rule {
  /** As it stands after a message, such as `no-producer`. */
  readonly name: string;
  /** What must hold, in one sentence: for the reference. */
  readonly about: string;
  readonly check: (topology: Topology, context: LintContext) => readonly RuleFinding[];
}

export function error(path: readonly PropertyKey[], message: string): RuleFinding {
  return { severity: 'error', message, path };
}

export function warning(path: readonly PropertyKey[], message: string): RuleFinding {
  return { severity: 'warning', message, path };
}
