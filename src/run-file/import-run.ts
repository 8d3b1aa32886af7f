/** Makes a run of an archive: its folder, and its topics in the transport of its topology, or in another. */
import { existsSync } from 'node:fs';
import { open, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { flushFolder } from '../checkpoint/folder-aside.ts';
import { ConfigError, DataError, TransportError } from '../errors.ts';
import { makeFolder } from '../make-folder.ts';
import { restoreTopics } from '../open-transport.ts';
import { type BuildingLock, takeLock } from '../tools/search/building-lock.ts';
import type { ProgressOf, TopicRestorer } from '../topics/transport.ts';
import { topicSpecs } from '../topology/flow.ts';
import { parentOf } from '../topology/parent.ts';
import { RESOLVED_FILE } from '../topology/run-files.ts';
import type { Topology } from '../topology/topology.ts';
import { entriesPlace, FILES, filePath, type Manifest, MOST_ENTRIES_BYTES } from './archive-form.ts';
import { deleteFolder, finishDeleting } from './delete-folder.ts';
import { type Entry, readEntriesFile } from './entries-file.ts';
import { importedTopology } from './imported-topology.ts';
import { type Archive, type Member, openArchive } from './read-archive.ts';

/** Entries that are put at once, and about how many bytes of them. */
const PUT_ENTRIES = 5_000;
const PUT_BYTES = 2 ** 22;

export interface ImportOptions {
  readonly file: string;
  /** Where the runs live. */
  readonly folder: string;
  /** Settings of the transport, as `path=value`; none: that of the run. */
  readonly set: readonly string[];
  readonly signal: AbortSignal;
  readonly notify: (message: string) => void;
  readonly onProgress?: (records: number) => void;
}

export interface Imported {
  readonly run: string;
  readonly folder: string;
  readonly transport: Topology['transport']['kind'];
  readonly records: number;
  readonly topics: number;
}

/**
 * Imports a run. Nothing is there before all of it is. A `DataError` says what is damaged in the archive and
 * where; a `ConfigError` that there is such a run already, or that the transport cannot hold this one.
 */
export async function importRun(options: ImportOptions): Promise<Imported> {
  const { file, folder } = options;
  const archive = await openArchive(file);
  const { run } = archive.manifest;
  const target = join(folder, run);
  const aside = join(folder, `.import-${run}`);
  const isNew = !existsSync(folder);
  let isDone = false;
  let lock: BuildingLock | undefined;
  try {
    requireNone(target);
    lock = await claimed(aside, options, run);
    // Another import may have ended in the meantime.
    requireNone(target);
    const { touch } = lock;
    makeFolder(join(aside, run));
    const onProgress = (records: number) => {
      touch();
      options.onProgress?.(records);
    };
    const importing = new Import(archive, join(aside, run), { ...options, onProgress });
    const imported = await importing.all();
    try {
      await rename(join(aside, run), target);
      await flushFolder(folder);
    } catch (error) {
      throw new TransportError(`${target}: cannot be made (${(error as Error).message})`, { cause: error });
    }
    isDone = true;
    return imported;
  } finally {
    await archive.close();
    if (lock !== undefined) await deleteFolder(aside);
    if (isNew && !isDone) await rmdir(folder).catch(() => {});
  }
}

function requireNone(target: string): void {
  if (!existsSync(target)) return;
  throw new ConfigError(
    `there is a run ${basename(target)} in ${dirname(target)} already: import into another --folder, or delete that one`,
  );
}

/** Takes the folder in which a run is made, for one import at a time; what an ended one left there is deleted. */
async function claimed(aside: string, { folder, notify }: ImportOptions, run: string): Promise<BuildingLock> {
  await finishDeleting(folder);
  const lock = takeLock(aside);
  if (typeof lock === 'string')
    throw new ConfigError(`${lock} is importing the run ${run} into ${folder}: wait until it has ended`);
  if (existsSync(join(aside, run))) {
    notify(`an import of the run ${run} had not ended: what it left in ${folder} is deleted`);
    await rm(join(aside, run), { recursive: true, force: true });
  }
  return lock;
}

class Import {
  readonly #archive: Archive;
  readonly #at: string;
  readonly #options: ImportOptions;
  #restorer: TopicRestorer | undefined;
  #topology: Topology | undefined;
  /** Where each partition is, by topic and partition. */
  readonly #next = new Map<string, { offset: number; records: number }>();
  #records = 0;
  /** Those with headers, where the transport has no place for these. */
  #bare = 0;

  constructor(archive: Archive, at: string, options: ImportOptions) {
    this.#archive = archive;
    this.#at = at;
    this.#options = options;
  }

  async all(): Promise<Imported> {
    const { signal, folder } = this.#options;
    const { manifest } = this.#archive;
    try {
      for await (const member of this.#archive.members()) {
        signal.throwIfAborted();
        const path = filePath(member.name);
        if (path !== null) await this.#file(member, path);
        else await this.#entries(member);
      }
      const restorer = await this.#opened();
      this.#checkWhole();
      await restorer.finish(progressOf(manifest));
      if (this.#bare > 0) this.#options.notify(withoutHeaders(this.#bare));
    } catch (error) {
      await this.#restorer?.abandon().catch((second: Error) => {
        this.#options.notify(`what was imported so far could not be taken away: ${second.message}`);
      });
      throw error;
    }
    const { run, topics } = manifest;
    const kind = this.#topology?.transport.kind ?? 'embedded';
    return { run, folder: join(folder, run), transport: kind, records: this.#records, topics: topics.length };
  }

  async #file(member: Member, path: string): Promise<void> {
    const to = join(this.#at, ...path.split('/'));
    makeFolder(dirname(to));
    const handle = await open(to, 'wx');
    try {
      for await (const piece of member.read()) {
        this.#options.signal.throwIfAborted();
        await handle.write(piece);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async #entries(member: Member): Promise<void> {
    const place = entriesPlace(member.name);
    if (place === null || member.bytes > MOST_ENTRIES_BYTES)
      throw new DataError(`${this.#options.file}: ${member.name} is no member of a run`);
    const restorer = await this.#opened();
    const pieces: Buffer[] = [];
    for await (const piece of member.read()) pieces.push(piece);
    let batch: Entry[] = [];
    let bytes = 0;
    const put = async () => {
      this.#options.signal.throwIfAborted();
      if (batch.length > 0) await restorer.put(place.topic, place.partition, batch);
      this.#records += batch.length;
      this.#options.onProgress?.(this.#records);
      batch = [];
      bytes = 0;
    };
    for await (const entry of readEntriesFile(Buffer.concat(pieces))) {
      this.#check(member, place, entry);
      batch.push(entry);
      if (entry.headers !== undefined && this.#topology?.transport.kind === 'embedded') this.#bare++;
      bytes += entry.value.length;
      if (batch.length >= PUT_ENTRIES || bytes >= PUT_BYTES) await put();
    }
    await put();
  }

  /** Offsets go up, within what the manifest says. */
  #check(
    { name }: Member,
    { topic, partition }: { topic: string; partition: number },
    { offset }: Entry,
  ): void {
    const known = this.#archive.manifest.topics.find((one) => one.name === topic)?.partitions[partition];
    const key = `${topic}/${partition}`;
    const next = this.#next.get(key) ?? { offset: known?.start ?? 0, records: 0 };
    if (known === undefined || offset < next.offset || offset >= known.end)
      throw new DataError(`${this.#options.file}: ${name}: there can be no offset ${offset}`);
    this.#next.set(key, { offset: offset + 1, records: next.records + 1 });
  }

  #checkWhole(): void {
    for (const { name, partitions } of this.#archive.manifest.topics) {
      for (const [partition, { records }] of partitions.entries()) {
        const found = this.#next.get(`${name}/${partition}`)?.records ?? 0;
        if (found !== records) {
          throw new DataError(
            `${this.#options.file}: topic ${name}, partition ${partition}: expected ${records} records, found ${found}`,
          );
        }
      }
    }
  }

  /** Where the topics go: once the topology is there, which is the first member. */
  async #opened(): Promise<TopicRestorer> {
    if (this.#restorer !== undefined) return this.#restorer;
    const { folder, set, notify, file } = this.#options;
    const { manifest } = this.#archive;
    if (!existsSync(join(this.#at, RESOLVED_FILE)))
      throw new DataError(`${file}: expected ${FILES}${RESOLVED_FILE} before the records`);
    const topology = importedTopology(this.#at, { folder: resolve(folder), set, manifest });
    this.#topology = topology;
    const parent = parentOf(topology);
    if (parent !== null && !existsSync(join(folder, parent.run)))
      notify(
        `the run ${topology.run} goes on from ${parent.topic} of the run ${parent.run}, which is not in ${folder}: import that one too`,
      );
    this.#restorer = await restoreTopics(topology, {
      notify,
      logFolder: join(this.#at, 'log'),
      specs: topicSpecs(topology),
      topics: manifest.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.length,
        offsets: partitions,
      })),
      hasGaps: manifest.topics.some(({ partitions }) =>
        partitions.some(({ end, records }) => end !== records),
      ),
    });
    return this.#restorer;
  }
}

function withoutHeaders(records: number): string {
  const [those, have] = records === 1 ? ['1 record', 'has'] : [`${records} records`, 'have'];
  return `${those} ${have} headers, which an embedded log does not hold: they are left out, and stay in the file`;
}

function progressOf({ progress }: Manifest): (readonly [ProgressOf, ReadonlyMap<number, number>])[] {
  return progress.map(({ group, topic, run, offsets }) => [
    { group, topic, ...(run === null ? {} : { run }) },
    new Map([...offsets.entries()].filter(([, offset]) => offset > 0)),
  ]);
}
