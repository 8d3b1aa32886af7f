/** What was found of a part of a run's folder. */
export interface Finding {
  /** The part, such as `topic scored` or `checkpoints/step-12`. */
  readonly part: string;
  /** `unchecked`: an earlier version wrote it, and nothing in it tells whether it has changed. */
  readonly state: 'whole' | 'damaged' | 'unchecked';
  readonly says: string;
  /** Of a topic's partition. */
  readonly records?: number;
}

/** What a check's error says, as a finding. */
export function damaged(part: string, error: unknown): Finding {
  return { part, state: 'damaged', says: error instanceof Error ? error.message : String(error) };
}
