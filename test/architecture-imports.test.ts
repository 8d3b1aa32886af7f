/**
 * No circle of imports between files or between folders, at any level: what stands beside one another under
 * one folder imports in one direction. And every part of src/ has its layer: the rules that biome.json holds
 * it to.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('..', import.meta.url));

const files = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => join(entry.parentPath, entry.name).slice(root.length));

/** `[importing file, imported file]`, types and dynamic imports included. */
const imports = files.flatMap((file) => {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:\bfrom|\bimport\(?)\s*'(\.[^']+)'/g)].map(
    (match) => [file, posix.join(posix.dirname(file), match[1])] as const,
  );
});

/** Under each folder, its files and folders with those beside them that they import. */
function siblings(): Map<string, Map<string, Set<string>>> {
  const graphs = new Map<string, Map<string, Set<string>>>();
  for (const [from, to] of imports) {
    const [a, b] = [from.split('/'), to.split('/')];
    const depth = a.findIndex((part, i) => part !== b[i]);
    if (depth < 0) continue;
    const parent = a.slice(0, depth).join('/');
    const graph = graphs.get(parent) ?? new Map<string, Set<string>>();
    graphs.set(parent, graph);
    graph.set(a[depth], (graph.get(a[depth]) ?? new Set()).add(b[depth]));
  }
  return graphs;
}

/** A path that comes back to where it began; null where there is none. */
function circleIn(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] | null {
  const done = new Set<string>();
  const walk = (node: string, path: readonly string[]): string[] | null => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return null;
    for (const next of graph.get(node) ?? []) {
      const circle = walk(next, [...path, node]);
      if (circle) return circle;
    }
    done.add(node);
    return null;
  };
  for (const node of graph.keys()) {
    const circle = walk(node, []);
    if (circle) return circle;
  }
  return null;
}

describe('imports', () => {
  test('are found', () => {
    expect(imports.length).toBeGreaterThan(files.length);
    expect(imports).toContainEqual(['src/pipeline.ts', 'src/train/train-stage.ts']);
    expect(imports.filter(([, to]) => !files.includes(to))).toEqual([]);
  });

  test.each([...siblings()])('no circle under %s', (_parent, graph) => {
    expect(circleIn(graph)).toBeNull();
  });

  test('a circle would be seen', () => {
    const graph = new Map([
      ['a', new Set(['b', 'c'])],
      ['b', new Set(['d'])],
      ['c', new Set(['a'])],
    ]);
    expect(circleIn(graph)).toEqual(['a', 'c', 'a']);
  });
});

describe('layers', () => {
  interface Override {
    readonly includes: readonly string[];
    readonly linter: { readonly rules: { readonly style?: { readonly noRestrictedImports?: unknown } } };
  }
  const { overrides } = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8')) as {
    readonly overrides: readonly Override[];
  };
  const layers = overrides
    .filter(({ linter }) => linter.rules.style?.noRestrictedImports)
    .map(({ includes }) => includes.map((path) => path.replace(/^src\/|\/\*\*$/g, '')));

  test('each file and folder of src/ is in one', () => {
    expect(layers.flat().toSorted()).toEqual(readdirSync(join(root, 'src')).toSorted());
  });

  test('ARCHITECTURE.md lists them in the same order', () => {
    const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
    const table = page.slice(page.indexOf('## Layers'));
    const rows = [...table.slice(0, table.indexOf('\n## ')).matchAll(/^\| \d+ \|([^|]*)\|/gm)];
    const named = rows.map(([, row]) =>
      [...row.matchAll(/`([^`]+)`/g)].map((match) => match[1].replace(/\/$/, '')),
    );
    expect(named.map((names) => names.toSorted())).toEqual(layers.map((names) => names.toSorted()));
  });
});
