/**
 * The form of an archive: one run as a tar file. Its members, in this order:
 *
 * | member | what it is |
 * |---|---|
 * | `files/PATH` | a file of the run's folder, byte for byte: the resolved topology, checkpoints, reports |
 * | `topics/TOPIC/PARTITION/OFFSET.avro` | entries of a partition from that offset on (`entries-file.ts`) |
 * | `manifest.json` | what is there, what it must be, and how far each stage was: the last member |
 */
import { z } from 'zod';
import { hashOfJson } from '../checkpoint/manifest.ts';

const ARCHIVE_FORMAT = 'swirl-run-1';
export const MANIFEST = 'manifest.json';
export const FILES = 'files/';
/** The largest manifest that is read: one of a run of a few terabytes. */
export const MOST_MANIFEST_BYTES = 2 ** 28;
/** The largest file of entries: one record of the largest size. */
export const MOST_ENTRIES_BYTES = 2 ** 28;

const offset = z
  .int()
  .min(0)
  .max(2 ** 48);
const name = z.string().regex(/^(?!\.+$)[A-Za-z0-9._-]{1,100}$/);

const manifest = z.strictObject({
  format: z.literal(ARCHIVE_FORMAT),
  run: name,
  /** What tells the run from others of its name; null where an earlier version made it. */
  identity: z.string().nullable(),
  /** Where its topics lived. */
  transport: z.enum(['embedded', 'kafka']),
  /** By partition: the first offset, the offset after the last, and how many records there are. */
  topics: z.array(
    z.strictObject({
      name,
      partitions: z
        .array(z.strictObject({ start: offset, end: offset, records: z.int().min(0) }))
        .min(1)
        .max(1024),
    }),
  ),
  /** By partition of the topic, which is of `run` where it is another run's: what a group had consumed. */
  progress: z.array(
    z.strictObject({ group: name, topic: name, run: name.nullable(), offsets: z.array(offset) }),
  ),
  /** All but this one, in their order. */
  members: z.array(
    z.strictObject({
      name: z.string().min(1).max(255),
      bytes: z.int().min(0),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
  /** Of the other keys as JSON. */
  sha256: z.string(),
});

export type Manifest = z.output<typeof manifest>;
export type ManifestTopic = Manifest['topics'][number];

/** The manifest's text. */
export function manifestText(body: Omit<Manifest, 'sha256' | 'format'>): string {
  const whole = { format: ARCHIVE_FORMAT, ...body };
  return `${JSON.stringify({ ...whole, sha256: hashOfJson(whole) })}\n`;
}

/** The manifest in a text; null where it is not exactly what `manifestText` made. */
export function parseManifest(text: string): Manifest | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const { data } = manifest.safeParse(json);
  if (data === undefined) return null;
  const { sha256: _, format: __, ...body } = data;
  return manifestText(body) === text ? data : null;
}

/** The name of the file of entries from an offset on. */
export function entriesName(topic: string, partition: number, from: number): string {
  return `topics/${topic}/${partition}/${String(from).padStart(15, '0')}.avro`;
}

/** Which entries a member holds; null where it is something else. */
export function entriesPlace(member: string): { readonly topic: string; readonly partition: number } | null {
  const [, topic, partition] =
    /^topics\/([A-Za-z0-9._-]{1,100})\/(\d{1,4})\/\d{15}\.avro$/.exec(member) ?? [];
  return topic === undefined ? null : { topic, partition: Number(partition) };
}

/** A file's path in the run's folder; null where the member is something else, or would lie outside of it. */
export function filePath(member: string): string | null {
  if (!member.startsWith(FILES)) return null;
  const path = member.slice(FILES.length);
  const isInside = path.split('/').every((part) => part !== '' && !/^\.+$/.test(part));
  return isInside && !/[\\:\0]/.test(path) ? path : null;
}
