/** Where in a record something is, for messages. */
export type Path = (string | number)[];

/** Such as `topic turns, field steps[3].action.text`. */
export function where(topic: string, path: Readonly<Path>): string {
  if (path.length === 0) return `topic ${topic}`;
  return `topic ${topic}, field ${path.map(step).join('')}`;
}

const PLAIN_NAME = /^[A-Za-z_]\w*$/;
/** Map keys are hostile text: a message shows no more of one than this. */
const SHOWN_CHARACTERS = 40;

function step(part: string | number, index: number): string {
  if (typeof part === 'number') return `[${part}]`;
  if (PLAIN_NAME.test(part) && part.length <= SHOWN_CHARACTERS) return index === 0 ? part : `.${part}`;
  return `[${JSON.stringify(part.slice(0, SHOWN_CHARACTERS))}]`;
}
