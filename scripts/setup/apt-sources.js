/** The machine's own package sources, read from its apt configuration and not changed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * One archive, as `deb [options] uri suite components` of sources.list(5) has it.
 *
 * @typedef {{ options: Record<string, string>, uri: string, suite: string, components: string }} Source
 */

/**
 * The binary archives of the distribution itself: the release, its updates and its security fixes. Other
 * archives are left out: what they offer is not needed, and they may be out of reach.
 *
 * @param {string} codename such as `bookworm`
 * @param {string} [folder] the apt configuration
 * @returns {Source[]}
 */
export function distributionSources(codename, folder = '/etc/apt') {
  const parts = join(folder, 'sources.list.d');
  const files = [
    join(folder, 'sources.list'),
    ...(existsSync(parts)
      ? readdirSync(parts)
          .sort()
          .map((name) => join(parts, name))
      : []),
  ];
  const names = [codename, 'stable', 'oldstable', 'oldoldstable'];
  const suites = new Set(
    names.flatMap((name) => [name, `${name}-updates`, `${name}-security`, `${name}/updates`]),
  );
  return files
    .filter((file) => existsSync(file))
    .flatMap((file) => {
      const text = readFileSync(file, 'utf8');
      if (file.endsWith('.sources')) return parseStanzas(text);
      return file.endsWith('.list') ? parseLines(text) : [];
    })
    .filter((source) => suites.has(source.suite) && /^(https?|file|copy|mirror\S*|tor\S*):/.test(source.uri));
}

/**
 * @param {Source} source
 * @returns {string} its line in a sources.list
 */
export function sourceLine({ options, uri, suite, components }) {
  const given = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  return ['deb', ...(given.length > 0 ? [`[${given.join(' ')}]`] : []), uri, suite, components]
    .join(' ')
    .trim();
}

/**
 * The one-line format.
 *
 * @param {string} text
 * @returns {Source[]}
 */
function parseLines(text) {
  const sources = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (match === null) continue;
    const [, given = '', uri = '', suite = '', components = ''] = match;
    const pairs = given.split(/\s+/).filter((pair) => pair.includes('='));
    const options = Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
    sources.push({ options, uri, suite, components: components.trim().replace(/\s+/g, ' ') });
  }
  return sources;
}

/**
 * The deb822 format: stanzas of fields, continued on indented lines, several URIs and suites in one.
 *
 * @param {string} text
 * @returns {Source[]}
 */
function parseStanzas(text) {
  const uncommented = text.replace(/^#.*\n?/gm, '');
  return uncommented.split(/\n\s*\n/).flatMap((stanza) => {
    /** @type {Record<string, string>} */
    const fields = {};
    for (const [, name = '', value = ''] of stanza.matchAll(/^([\w-]+):((?:.*)(?:\n[ \t].*)*)/gm)) {
      fields[name.toLowerCase()] = value.replace(/\s+/g, ' ').trim();
    }
    const words = (/** @type {string} */ name) =>
      (fields[name] ?? '').split(' ').filter((word) => word !== '');
    if (!words('types').includes('deb') || fields.enabled === 'no') return [];
    /** @type {Record<string, string>} */
    const options = {};
    if (fields.architectures) options.arch = words('architectures').join(',');
    // A key written into the stanza itself has no place in one line; apt's own keyrings serve then.
    if (fields['signed-by']?.startsWith('/')) options['signed-by'] = words('signed-by').join(',');
    if (fields.trusted) options.trusted = fields.trusted;
    const components = words('components').join(' ');
    return words('uris').flatMap((uri) =>
      words('suites').map((suite) => ({ options, uri, suite, components })),
    );
  });
}
