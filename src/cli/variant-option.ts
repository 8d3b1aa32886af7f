/** Variants on the command line, `--variant NAME=PATH=VALUE`, and in a file of them. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { ConfigError } from '../errors.ts';
import type { Variant } from '../topology/variants.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const FORMS = '`NAME=SETTING=VALUE`, such as strict=stages.filter.mode=process, or `NAME=TOPOLOGY.yaml`';

/** One variant of each name, in the order of the names; `files` hold mappings of names to settings. */
export function variantsOf(texts: readonly string[], files: readonly string[]): Variant[] {
  const found = new Map<string, { set: string[]; file?: string }>();
  const of = (name: string, where: string) => {
    if (!NAME.test(name))
      throw new ConfigError(
        `${where}: expected a name of letters, digits, \`_\` and \`-\`, found ${JSON.stringify(name)}`,
      );
    const variant = found.get(name) ?? { set: [] };
    found.set(name, variant);
    return variant;
  };
  for (const file of files) {
    for (const [name, settings] of Object.entries(mappingIn(file))) {
      const variant = of(name, file);
      if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
        throw new ConfigError(
          `${file}: ${name}: expected settings by their path, such as { stages.filter.mode: process }`,
        );
      for (const [path, value] of Object.entries(settings))
        variant.set.push(`${path}=${JSON.stringify(value)}`);
    }
  }
  for (const text of texts) {
    const [, name = '', setting = ''] = /^([^=]*)=(.+)$/s.exec(text) ?? [];
    if (setting === '') throw new ConfigError(`--variant ${text}: expected ${FORMS}`);
    const variant = of(name, `--variant ${text}`);
    if (setting.includes('=')) variant.set.push(setting);
    else if (/\.ya?ml$/.test(setting)) variant.file = setting;
    else throw new ConfigError(`--variant ${text}: expected ${FORMS}`);
  }
  if (found.size === 0) throw new ConfigError(`expected at least one --variant ${FORMS}, or --variants FILE`);
  return [...found].map(([name, variant]) => ({ name, ...variant }));
}

function mappingIn(file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parse(readFileSync(file, 'utf8'), { maxAliasCount: 0 });
  } catch (error) {
    throw new ConfigError(`${file}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new ConfigError(`${file}: expected a mapping of names of variants to their settings`);
}
