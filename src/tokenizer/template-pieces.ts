/**
 * A conversation as a chat template writes it, cut into the template's own text and the messages' contents.
 * The template is rendered with a mark in place of each content, so that nothing that a message says can pass
 * for the template; what it makes of a content (some are trimmed, reasoning is dropped) is seen by rendering
 * that one content as it is.
 */
import { ModelError } from '../errors.ts';
import type { ChatTemplate, TemplateMessage } from './chat-template.ts';

/** The template's own text, or a message as the template shows it. */
export type Piece =
  | { readonly kind: 'template'; readonly text: string }
  | { readonly kind: 'content'; readonly message: number; readonly text: string };

/** A rendering's texts, with a message's index between each two. */
interface Skeleton {
  readonly texts: readonly string[];
  readonly messages: readonly number[];
}

/**
 * Throws `ModelError` where the template refuses the messages, leaves out the last one, or cuts into them.
 */
export function piecesOf(
  template: ChatTemplate,
  messages: readonly TemplateMessage[],
  { open }: { readonly open: boolean },
): Piece[] {
  const bracket = unusedCharacter(messages);
  const marked = messages.map((message, i) => ({ ...message, content: `${bracket}${i}${bracket}` }));
  const skeleton = cut(template.render(marked, { open }), bracket);
  if (skeleton.texts.some((text) => text.includes(bracket))) {
    throw new ModelError(
      "the policy's chat template cuts into the messages' texts, so that their tokens cannot be kept",
    );
  }
  if (messages.length > 0 && !skeleton.messages.includes(messages.length - 1))
    throw new ModelError("the policy's chat template leaves out the last message");
  const asTheyAre = messages.map(({ content }) => content);
  const shown = isRendering(template, messages, { open, skeleton })
    ? asTheyAre
    : asTheyAre.map((content, i) => {
        const others = marked.with(i, messages[i]);
        return (
          shownContent(() => template.render(others, { open }), { skeleton, bracket, message: i }) ?? content
        );
      });
  return skeleton.texts.flatMap((text, i): Piece[] => {
    const message = skeleton.messages[i];
    const own: Piece[] = text === '' ? [] : [{ kind: 'template', text }];
    return message === undefined ? own : [...own, { kind: 'content', message, text: shown[message] }];
  });
}

/** Whether the contents stand in the skeleton as they are. */
function isRendering(
  template: ChatTemplate,
  messages: readonly TemplateMessage[],
  { open, skeleton }: { readonly open: boolean; readonly skeleton: Skeleton },
): boolean {
  const expected = skeleton.texts.map((text, i) => text + (messages[skeleton.messages[i]]?.content ?? ''));
  try {
    return template.render(messages, { open }) === expected.join('');
  } catch {
    return false;
  }
}

/**
 * What the template makes of one content, given a rendering with that content and marks for the others;
 * undefined where the content changes what the template itself writes. There it stays the content it is, in
 * what the template writes around any other: a text has no say in that.
 */
function shownContent(
  render: () => string,
  {
    skeleton,
    bracket,
    message,
  }: { readonly skeleton: Skeleton; readonly bracket: string; readonly message: number },
): string | undefined {
  const at = skeleton.messages.indexOf(message);
  if (at === -1 || skeleton.messages.lastIndexOf(message) !== at) return undefined;
  let found: Skeleton;
  try {
    found = cut(render(), bracket);
  } catch {
    return undefined;
  }
  const [before, after] = [skeleton.texts[at], skeleton.texts[at + 1]];
  const around = found.texts[at] ?? '';
  const fits =
    found.messages.join() === skeleton.messages.toSpliced(at, 1).join() &&
    found.texts.toSpliced(at, 1).join(bracket) === skeleton.texts.toSpliced(at, 2).join(bracket) &&
    around.length >= before.length + after.length &&
    around.startsWith(before) &&
    around.endsWith(after);
  return fits ? around.slice(before.length, around.length - after.length) : undefined;
}

/** Cuts a rendering at its marks. */
function cut(rendering: string, bracket: string): Skeleton {
  const parts = rendering.split(new RegExp(`${bracket}(\\d+)${bracket}`, 'u'));
  return {
    texts: parts.filter((_, i) => i % 2 === 0),
    messages: parts.filter((_, i) => i % 2 === 1).map(Number),
  };
}

/** A character for private use that no message has; templates neither trim it nor change its case. */
function unusedCharacter(messages: readonly TemplateMessage[]): string {
  for (let code = 0xf0000; ; code++) {
    const character = String.fromCodePoint(code);
    if (!messages.some(({ content }) => content.includes(character))) return character;
  }
}
