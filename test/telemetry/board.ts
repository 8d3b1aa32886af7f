/** The Grafana board of docker/, as a test reads it. */
import { readFileSync } from 'node:fs';

export interface Panel {
  readonly title: string;
  readonly type: string;
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
  readonly options: object;
}

export const boardText = readFileSync(
  new URL('../../docker/grafana/dashboards/swirl.json', import.meta.url),
  'utf8',
);

export const board = JSON.parse(boardText) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly query: { readonly query: string } }[] };
};
