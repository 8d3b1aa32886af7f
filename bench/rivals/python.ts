/** A Python with torch and transformers, where there is one. */
import { execFileSync } from 'node:child_process';

export function pythonPath(): string {
  return process.env.SWIRL_PYTHON ?? '/opt/ref/bin/python';
}

/** Why this Python will not do, or nothing. */
export function lacking(python: string): string | undefined {
  try {
    execFileSync(python, ['-c', 'import torch, transformers'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    const last = String((error as { stderr?: unknown }).stderr ?? '')
      .trim()
      .split('\n')
      .at(-1);
    return `${python}: ${last || 'no such program'}. Name a Python with torch and transformers in SWIRL_PYTHON.`;
  }
}
