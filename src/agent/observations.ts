/** What a policy is shown of a call: results within their limits, and refusals with their reason. */

import type { Observation } from '../topics/records.generated.ts';
import { headOf } from './cut-text.ts';
import { NOTHING_FOUND } from './tool.ts';

export function resultOf(tool: string, text: string, maxChars: number): Observation {
  const shown = text.trim() === '' ? NOTHING_FOUND : cut(text, maxChars);
  return { tool, status: 'OK', text: shown };
}

export function refusalOf(tool: string, reason: string): Observation {
  return { tool, status: 'REFUSED', text: `Refused: ${reason}` };
}

export function timeoutOf(tool: string, ms: number): Observation {
  return { tool, status: 'TIMED_OUT', text: `${tool} did not answer in ${ms} ms.` };
}

/** At most `max` characters, whole ones, with a mark where something is missing. */
export function cut(text: string, max: number): string {
  return text.length <= max ? text.toWellFormed() : `${headOf(text, max)} [...]`;
}
