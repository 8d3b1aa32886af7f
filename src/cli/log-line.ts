/** Lines of a worker's log: when, how grave, what. */
export type Level = 'info' | 'warn' | 'error';

/** Such as `2026-11-29T21:00:00.000Z warn The cluster does not answer.`; a message of several lines is one of one. */
export function logLine(message: string, level: Level = 'info'): string {
  return `${new Date().toISOString()} ${level} ${message.replace(/\s*\n\s*/g, ' ')}`;
}
