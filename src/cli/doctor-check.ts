/** What `swirl doctor` says of one thing that it looked at. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, in one line. */
  readonly found: string;
  /** What to do about a fault. */
  readonly fix?: string;
  /** More for people, line by line. */
  readonly lines?: readonly string[];
  /** More for programs. */
  readonly details?: object;
}
