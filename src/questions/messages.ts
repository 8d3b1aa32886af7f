/** The question of a conversation: what its user says. */

interface Message {
  readonly role: unknown;
  readonly content: unknown;
}

/** The user's words; null where it is no conversation, or one that somebody has answered. */
export function messagesText(value: unknown): string | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  const messages = value as readonly (Message | null)[];
  const roles = messages.map((message) => message?.role);
  if (!roles.every((role) => role === 'user' || role === 'system')) return null;
  const texts = messages
    .filter((message) => message?.role === 'user')
    .map((message) => contentOf(message?.content));
  if (texts.length === 0 || !texts.every((text) => text !== null)) return null;
  const text = texts.join('\n\n').trim();
  return text === '' ? null : text;
}

/** A text, or parts that are all texts. */
function contentOf(content: unknown): string | null {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return null;
  const parts = content.map((part: { readonly type?: unknown; readonly text?: unknown } | null) =>
    part?.type === 'text' && typeof part.text === 'string' ? part.text : null,
  );
  return parts.every((part) => part !== null) ? parts.join('') : null;
}
