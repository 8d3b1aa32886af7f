/** A small topology that is fine, to be spoilt one setting at a time. */
import { type Examined, examineText, type LoadOptions } from '../../src/topology/load.ts';

export const FINE = `
tasks:
  sums: {tools: [calculator], maxSteps: 10}
tools:
  calculator: {kind: calculator}
`;

/** Examines the fine topology, where it lies, with some settings changed, or another text. */
export function examine(options: LoadOptions & { readonly text?: string } = {}): Examined {
  const folder = '/work/here';
  return examineText(options.text ?? FINE, { setFolder: folder, ...options, file: 'topology.yaml', folder });
}

/** The rules that complain, with their severity: `error no-producer`. */
export function complaints(options: LoadOptions & { readonly text?: string } = {}): string[] {
  return examine(options).problems.map(({ severity, rule }) => `${severity} ${rule}`);
}
