/**
 * The Grafana board is what the Grafana that compose.yaml starts takes: checked by TypeScript against Grafana's own
 * published types of that version, names that it does not know included. What its queries answer is shown with a real Prometheus in
 * test/telemetry/prometheus.test.ts.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { board, boardText } from '../telemetry/board.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(root, '.swirl', `board-${process.pid}`);
const schema = dirname(createRequire(import.meta.url).resolve('@grafana/schema/package.json'));
const types = relative(folder, join(schema, 'dist', 'esm'));

beforeAll(() => {
  mkdirSync(folder, { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What TypeScript says of the board as Grafana's types have it; nothing where it fits. */
function problems(json: string): string {
  const { panels, ...rest } = JSON.parse(json) as { readonly panels: readonly { readonly type: string }[] };
  const head = `
import type { Dashboard, Panel } from '${types}/raw/dashboard/x/dashboard_types.gen';
import type { Options as stat } from '${types}/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as timeseries, FieldConfig } from '${types}/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
type Plain<T> = T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T : T extends readonly (infer U)[] ? Plain<U>[]
  : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
/** What is left out has its default. */
type Some<T> = T extends readonly (infer U)[] ? Some<U>[] : T extends object ? { [K in keyof T]?: Some<T[K]> } : T;
interface Target { refId: string; datasource: { type: string; uid: string }; expr: string; legendFormat: string }
type Of<O, C> = Plain<Omit<Panel, 'options' | 'fieldConfig' | 'targets' | 'type'>> & {
  options: Some<Plain<O>>; targets: Target[];
  fieldConfig: { defaults: Plain<Omit<NonNullable<Panel['fieldConfig']>['defaults'], 'custom'>> & { custom?: Some<Plain<C>> }; overrides: [] };
};
export const board: Plain<Omit<Dashboard, 'panels'>> = ${JSON.stringify(rest)};
`;
  const each = panels.map((panel, i) => {
    const type =
      panel.type === 'stat'
        ? `Of<stat, never> & { type: 'stat' }`
        : `Of<timeseries, FieldConfig> & { type: 'timeseries' }`;
    return `export const panel${i}: ${type} = ${JSON.stringify(panel)};\n`;
  });
  const file = join(folder, 'board.ts');
  writeFileSync(file, head + each.join(''));
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const options = [
    '--noEmit',
    '--strict',
    '--ignoreConfig',
    '--skipLibCheck',
    '--types',
    '',
    '--module',
    'esnext',
  ];
  const done = spawnSync(process.execPath, [tsc, ...options, '--moduleResolution', 'bundler', file], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  return `${done.stdout}${done.stderr}`.trim();
}

describe('the Grafana board', () => {
  test("fits Grafana's own types", () => {
    expect(problems(boardText)).toBe('');
  });

  test.each([
    ['a name that there is not', 'displayMode', 'displayMod'],
    ['a value that there is not', '"placement": "bottom"', '"placement": "below"'],
    ['a name of the board', '"refresh": "10s"', '"refreshes": "10s"'],
    ['a number for a text', '"unit": "percentunit"', '"unit": 5'],
  ])('would not with %s', (_, right, wrong) => {
    expect(boardText).toContain(right);
    expect(problems(boardText.replace(right, wrong))).toMatch(/error TS2/);
  });

  test('is checked against the Grafana that compose.yaml starts', () => {
    const compose = readFileSync(join(root, 'docker', 'compose.yaml'), 'utf8');
    const { version } = JSON.parse(readFileSync(join(schema, 'package.json'), 'utf8')) as {
      readonly version: string;
    };
    expect(compose).toContain(`image: grafana/grafana:${version}\n`);
  });

  test('has a panel where each has room, beside or below the others', () => {
    const placed = board.panels.map((panel) => (panel as unknown as { readonly gridPos: Place }).gridPos);
    for (const [i, a] of placed.entries()) {
      expect(a.x + a.w).toBeLessThanOrEqual(24);
      for (const b of placed.slice(i + 1)) {
        const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect(apart).toBe(true);
      }
    }
  });
});

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}
