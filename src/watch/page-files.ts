/**
 * The page's files: its own modules beside this file, and three small libraries as their packages ship them
 * (Preact draws, htm writes its elements without a compiler, uPlot plots). Browsers run them as they are.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface PageFile {
  readonly type: string;
  readonly text: string;
}

const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';

/** The module that is run; it imports the others. */
const MAIN = 'page/main.js';

/** Packages' files, by the names under which the page's modules import them. */
const LIBRARIES = {
  preact: ['preact', 'dist/preact.mjs'],
  'preact/hooks': ['preact', 'hooks/dist/hooks.mjs'],
  htm: ['htm', 'dist/htm.mjs'],
  uplot: ['uplot', 'dist/uPlot.iife.min.js'],
} as const;

/** uPlot's module is three times as long as its script, which makes a global of itself. */
const ENDS: Readonly<Record<string, string>> = { uplot: '\nexport default uPlot;\n' };

export interface PageFiles {
  /** The modules by the names under which they import each other. */
  readonly modules: ReadonlyMap<string, PageFile>;
  readonly styles: readonly PageFile[];
}

export function pageFiles(): PageFiles {
  const folder = fileURLToPath(new URL('./page/', import.meta.url));
  const own = readdirSync(folder).filter((name) => name.endsWith('.js'));
  const modules = new Map<string, PageFile>();
  for (const name of own)
    modules.set(`page/${name}`, { type: SCRIPT, text: readFileSync(join(folder, name), 'utf8') });
  for (const [name, [library, path]] of Object.entries(LIBRARIES)) {
    // Without its map: nobody serves that.
    const text =
      ofPackage(library, path).replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n') + (ENDS[name] ?? '');
    modules.set(name, { type: SCRIPT, text });
  }
  const styles = [
    ofPackage('uplot', 'dist/uPlot.min.css'),
    readFileSync(join(folder, 'watch.css'), 'utf8'),
    readFileSync(join(folder, 'views.css'), 'utf8'),
  ];
  return { modules, styles: styles.map((text) => ({ type: STYLE, text })) };
}

/** A file of a package, wherever packages are. */
function ofPackage(name: string, path: string): string {
  const entry = createRequire(import.meta.url).resolve(name);
  let folder = dirname(entry);
  while (!folder.endsWith(`/${name}`) && !folder.endsWith(`\\${name}`) && dirname(folder) !== folder)
    folder = dirname(folder);
  return readFileSync(join(folder, path), 'utf8');
}

/** The document; `address` says where a module is, and `data` is what the page has instead of a server. */
export function pageHtml(
  { modules, styles }: PageFiles,
  {
    address,
    data,
    title,
  }: { readonly address: (name: string) => string; readonly data?: string; readonly title: string },
): { readonly html: string; readonly policy: string } {
  const imports = Object.fromEntries([...modules.keys()].map((name) => [name, address(name)]));
  const map = JSON.stringify({ imports });
  const start = `import ${JSON.stringify(MAIN)};`;
  const isFile = data !== undefined;
  const scripts = [map, start].map(
    (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`,
  );
  const css = styles.map(({ text }) => text).join('\n');
  const policy = [
    "default-src 'none'",
    `script-src ${scripts.join(' ')} ${isFile ? 'data:' : "'self'"}`,
    `style-src ${isFile ? `'sha256-${createHash('sha256').update(css).digest('base64')}'` : "'self'"}`,
    ...(isFile ? [] : ["connect-src 'self'", "frame-ancestors 'none'"]),
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
${isFile ? `<meta http-equiv="Content-Security-Policy" content="${policy}">\n` : ''}<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>${escaped(title)}</title>
${isFile ? `<style>${css}</style>` : styles.map((_, i) => `<link rel="stylesheet" href="/style/${i}.css">`).join('\n')}
<script type="importmap">${map}</script>
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript.</noscript>
${isFile ? `<script type="application/json" id="data">${data}</script>\n` : ''}<script type="module">${start}</script>
</body>
</html>
`;
  return { html, policy };
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
