/** How far the making of an index is, or reading what is read of it as it is opened (`filtering`). */
export interface BuildProgress {
  readonly phase: 'reading' | 'merging' | 'embedding' | 'filtering';
  readonly articles: number;
  /** Between 0 and 1; null where it cannot be known. */
  readonly share: number | null;
}
