/** How far the making of an index is. */
export interface BuildProgress {
  readonly phase: 'reading' | 'merging' | 'embedding';
  readonly articles: number;
  /** Between 0 and 1; null where it cannot be known. */
  readonly share: number | null;
}
