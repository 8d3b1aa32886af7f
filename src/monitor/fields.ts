/**
 * The fields of a topic's records by their paths, `verdict.label` or `steps.0.text`: what a condition may
 * name.
 */

import { nearest } from '../suggest.ts';
import type { SchemaNode } from '../topics/avro/schema-tree.ts';

/** A list's number of entries is no field of its schema. */
const LENGTH: SchemaNode = { kind: 'int', minBytes: 1 };

/** The type of a field, or what is wrong with the path: for a message. */
export function fieldAt(
  tree: SchemaNode,
  path: readonly string[],
): { readonly node: SchemaNode } | { readonly problem: string } {
  let node = bare(tree);
  for (const [index, name] of path.entries()) {
    const next = child(node, name);
    if (next === undefined) return { problem: noField({ tree, node, path, index }) };
    node = bare(next);
  }
  return { node };
}

/** What a value of the type is, for a message. */
export function typeText(node: SchemaNode): string {
  switch (node.kind) {
    case 'string':
      return 'a text';
    case 'boolean':
      return 'true or false';
    case 'enum':
      return `one of ${node.symbols.join(', ')}`;
    case 'array':
      return 'a list';
    case 'record':
    case 'map':
      return 'a record';
    case 'bytes':
      return 'bytes';
    case 'null':
      return 'always null';
    case 'nullable':
      return typeText(node.of);
    default:
      return 'a number';
  }
}

/** Without that it may be null. */
function bare(node: SchemaNode): SchemaNode {
  return node.kind === 'nullable' ? bare(node.of) : node;
}

function child(node: SchemaNode, name: string): SchemaNode | undefined {
  switch (node.kind) {
    case 'record':
      return node.fields.find((field) => field.name === name)?.node;
    case 'map':
      return node.values;
    case 'array':
      if (name === 'length') return LENGTH;
      return /^\d+$/.test(name) ? node.items : undefined;
    default:
      return undefined;
  }
}

interface Missing {
  readonly tree: SchemaNode;
  /** Where the path goes no further. */
  readonly node: SchemaNode;
  readonly path: readonly string[];
  /** Which of its names is not there. */
  readonly index: number;
}

function noField({ tree, node, path, index }: Missing): string {
  const before = path.slice(0, index);
  const parent = before.join('.');
  const name = path[index] ?? '';
  const none = `there is no field \`${[...before, name].join('.')}\``;
  if (node.kind === 'array')
    return `${none}: \`${parent}\` is a list, of which ${parent}.0 is the first entry`;
  if (node.kind !== 'record') return `${none}: \`${parent}\` is ${typeText(node)}`;
  const names = node.fields.map((field) => field.name);
  const near = nearest(name, names);
  if (near !== null)
    return `${none}; did you mean \`${[...before, near, ...path.slice(index + 1)].join('.')}\`?`;
  const wanted = path.slice(index);
  const almost = nearest(name, [...new Set(fieldNames(tree))]);
  const [elsewhere] = [
    ...pathsTo(tree, wanted),
    ...(almost === null ? [] : pathsTo(tree, [almost, ...wanted.slice(1)])),
  ].sort((a, b) => a.length - b.length);
  if (elsewhere !== undefined) return `${none}; did you mean \`${elsewhere.join('.')}\`?`;
  return `${none}; ${parent === '' ? 'there are' : `\`${parent}\` has`} ${names.join(', ')}`;
}

/**
 * Every place in the tree at which the whole of this path exists. No record contains itself, so this ends.
 */
function pathsTo(tree: SchemaNode, wanted: readonly string[], before: readonly string[] = []): string[][] {
  const node = bare(tree);
  const here = 'node' in fieldIn(node, wanted) ? [[...before, ...wanted]] : [];
  if (node.kind === 'array') return pathsTo(node.items, wanted, [...before, '0']);
  if (node.kind !== 'record') return [];
  return [...here, ...node.fields.flatMap((field) => pathsTo(field.node, wanted, [...before, field.name]))];
}

function fieldNames(tree: SchemaNode): string[] {
  const node = bare(tree);
  if (node.kind === 'array') return fieldNames(node.items);
  return node.kind === 'record'
    ? node.fields.flatMap((field) => [field.name, ...fieldNames(field.node)])
    : [];
}

/** Of records alone: any index and any key of a map would be found everywhere. */
function fieldIn(node: SchemaNode, path: readonly string[]): { readonly node: SchemaNode } | object {
  if (node.kind !== 'record' || !node.fields.some((field) => field.name === path[0])) return {};
  return fieldAt(node, path);
}
