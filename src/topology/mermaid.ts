/** The topology as a Mermaid flowchart. Every label is hostile text: no character of it can end the label. */
import type { Graph } from './graph.ts';

/** Mermaid text: stages are boxes, topics are rounded, taken from outside or left to taps are dashed. */
export function mermaid(graph: Graph): string {
  const topics = [...new Set(graph.stages.flatMap((stage) => [stage.reads, ...stage.writes]))];
  const topic = (name: string): string => `t${topics.indexOf(name)}`;
  const lines = ['flowchart LR'];
  for (const name of topics) lines.push(`  ${topic(name)}(["${label(name)}"])`);
  for (const [index, { name, note }] of graph.stages.entries()) {
    const text = note === '' ? label(name) : `${label(name)}<br/>${label(note)}`;
    lines.push(`  s${index}["${text}"]`);
  }
  for (const [index, { reads, writes }] of graph.stages.entries()) {
    lines.push(`  ${topic(reads)} --> s${index}`);
    for (const name of writes) lines.push(`  s${index} --> ${topic(name)}`);
  }
  for (const [index, { topic: name, from }] of graph.inputs.entries()) {
    lines.push(`  i${index}["${label(from)}"] -.-> ${topic(name)}`);
  }
  if (graph.stages.length > 0) {
    lines.push('  failures(["failures"])', '  any["any stage"] -.-> failures');
  }
  return `${lines.join('\n')}\n`;
}

/**
 * Text inside a quoted Mermaid label: everything but letters, digits and a few harmless marks becomes
 * Mermaid's own numeric entity (`#34;`), so quotes, brackets, tags, line ends and entities cannot act. At
 * most 60 characters.
 */
export function label(text: string): string {
  const characters = [...text.toWellFormed()];
  const shown = characters.length > 60 ? [...characters.slice(0, 59), '…'] : characters;
  return shown
    .map((character) => {
      if (/[\p{L}\p{N} _.,:+-]/u.test(character)) return character;
      const code = character.codePointAt(0) as number;
      return code < 0x20 || (code >= 0x7f && code < 0xa0) ? ' ' : `#${code};`;
    })
    .join('');
}
