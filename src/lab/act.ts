/** One act of the demonstrator: what it means to do, and whether that is a fault. */
import type { Fault } from './faults.ts';

export interface Act {
  readonly kind: 'tool' | 'answer';
  readonly content: string;
  /** Null for a sound act. */
  readonly fault: Fault | null;
  /** Leaves the closing tag out. */
  readonly unclosed?: boolean;
}
