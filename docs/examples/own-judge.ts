/**
 * A process judge of one's own: `judge: { kind: module, path: ./own-judge.ts }`.
 *
 * It sees the context up to one action, and that action. UNKNOWN is for what it cannot tell; it is never taken for BAD.
 */
import type { JudgeCall } from 'swirl-rl';

const judge: JudgeCall = ({ context, action }) => {
  if (action.kind === 'NONE') return { label: 'BAD', rationale: 'It neither calls a tool nor answers.' };
  if (action.kind === 'TOOL_CALL') return context.length < 3;
  const last = context.at(-1)?.observation;
  if (last?.status !== 'OK') return 'UNKNOWN';
  return { label: last.text.includes(action.content ?? ''), rationale: 'By the last result.' };
};

export default judge;
