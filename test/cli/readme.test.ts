/** What the README shows is there and works: its links, its commands and options, its topology. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { makeProgram } from '../../src/cli/program.ts';
import { examineText } from '../../src/topology/load.ts';

const root = new URL('../../', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');

test('every link within the repository leads somewhere', () => {
  const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link);
  const local = links.filter((link) => !/^https?:/.test(link ?? ''));
  expect(local.length).toBeGreaterThan(5);
  expect(local.filter((link) => !existsSync(new URL(link ?? '', root)))).toEqual([]);
});

test('the topology is ten lines, and only its policy is missing here', () => {
  const [, yaml = ''] = /```yaml\n(.*?)```/s.exec(readme) ?? [];
  expect(yaml.trimEnd().split('\n').length).toBe(10);
  const context = { exists: existsSync, env: {} };
  const { problems, topology } = examineText(yaml, { file: 'first.yaml', folder: '/nowhere', context });
  expect(topology).not.toBeNull();
  expect(problems.map(({ rule, path }) => [rule, path])).toEqual([['missing-file', 'policy.checkpoint']]);
});

test('every command and option exists', async () => {
  const program = await makeProgram();
  const lines = [...readme.matchAll(/^ {4}(swirl .*)$/gm)].flatMap(
    ([, line = '']) => line.split(/\s+#\s/)[0]?.split(' && ') ?? [],
  );
  expect(lines.length).toBeGreaterThan(5);
  for (const line of lines) {
    const [name, ...rest] = line
      .replace(/'[^']*'/g, 'text')
      .split(/\s+/)
      .slice(1);
    const command = program.commands.find((each) => each.name() === name);
    expect([line, command?.name()]).toEqual([line, name]);
    for (const option of rest.filter((word) => word.startsWith('-'))) {
      const known = command?.options.some(({ long, short }) => [long, short].includes(option));
      expect([line, option, known]).toEqual([line, option, true]);
    }
  }
});
