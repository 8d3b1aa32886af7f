/** Models as people use them, with what transformers makes of their configurations (see make-policy.py). */
import { readFileSync } from 'node:fs';
import { fixturePath } from './fixtures.ts';

export interface PublishedShape {
  readonly config: Readonly<Record<string, unknown>>;
  /** In all tensors. */
  readonly numbers: number;
  /** Shapes by name; the layers' under `model.layers.*`. */
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  /** Which layers slide, by this window. */
  readonly sliding: readonly number[];
  readonly window: number | null;
  /** To eight digits. */
  readonly frequencies: readonly number[];
  readonly rope_factor: number;
}

export const publishedShapes = Object.entries(
  JSON.parse(readFileSync(fixturePath('shapes.json'), 'utf8')) as Readonly<Record<string, PublishedShape>>,
);
