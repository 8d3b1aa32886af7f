/** How a topology names a part in a module: shared by every kind `module`. */
import { z } from 'zod';
import { contentHash } from '../input/content-hash.ts';

export const moduleSettings = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(4096)
    .describe(
      "The module, TypeScript or JavaScript: a path that begins with `./` is relative to the topology's file; otherwise the name of an installed package.",
    ),
  export: z.string().min(1).max(256).default('default').describe('Which of its exports.'),
  settings: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('Settings of its own, which the module checks itself.'),
  timeoutMs: z.int().min(1).max(86_400_000).default(30_000).describe('Longest time of one call.'),
  hash: contentHash.describe(
    'The content that it must have (SHA-256 over its file and what that imports by relative path); null: any. Swirl writes what it found into `topology.resolved.yaml`.',
  ),
});

export type ModuleSettings = z.output<typeof moduleSettings>;

/** Of judges and rewards, which may explain themselves. */
export const reviewerSettings = moduleSettings.extend({
  maxRationaleChars: z.int().min(100).default(4000).describe('Longer explanations lose their middle.'),
});

/** Bounds of loading, and what happens when a module is not what it was. */
export const modulesConfig = z
  .strictObject({
    changed: z
      .enum(['refuse', 'allow'])
      .default('refuse')
      .describe(
        'What happens when a module or a prompt is not what its `hash` says, or not what it was when this run began: the run is refused, or goes on and says so.',
      ),
    loadTimeoutMs: z
      .int()
      .min(1)
      .max(3_600_000)
      .default(60_000)
      .describe('Longest time for loading a module, and for making its part.'),
    maxFiles: z
      .int()
      .min(1)
      .max(100_000)
      .default(500)
      .describe('Most files that one module may consist of: all are hashed.'),
    maxBytes: z.int().min(1).default(20_000_000).describe('Most bytes in all files of one module.'),
  })
  .describe("Parts of one's own: `kind: module`, wherever a part has a kind.");

export type ModulesConfig = z.output<typeof modulesConfig>;
