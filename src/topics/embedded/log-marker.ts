/** The marker: what says that an LMDB file is the log of a run, and of which format. */
import { Damaged } from './damage.ts';
import { FORMAT, FORMAT_VERSION, GAPS_VERSION, type Marker, SEALED_VERSION } from './log-format.ts';
import type { Hash } from './log-values.ts';

/** The marker's value in a log that is made now: of format 2, which earlier versions read, where that will do. */
export function markerBytes(run: string, hash: Hash, hasGaps = false): Buffer {
  const marker = { format: FORMAT, version: hasGaps ? GAPS_VERSION : SEALED_VERSION, run };
  return Buffer.from(JSON.stringify({ ...marker, checksum: checksumOf(marker, hash) }));
}

/**
 * The marker, undefined where the file is of something else. Throws `Damaged` where its bytes are not those
 * that were written: a format of before would have its values read without their checksums.
 */
export function readMarker(bytes: Uint8Array | undefined, hash: Hash): Marker | undefined {
  if (bytes === undefined) return undefined;
  const text = Buffer.from(bytes).toString('utf8');
  const marker = parse(text);
  if (marker?.format !== FORMAT) {
    if (text.includes(FORMAT) || text.includes('"version"')) throw changed();
    return undefined;
  }
  if (marker.version === 1 && marker.checksum === undefined) return marker;
  // What a newer version counts in is not known here; the log is refused for being newer.
  if (marker.version > FORMAT_VERSION) return marker;
  if (!(marker.version >= SEALED_VERSION) || marker.checksum !== checksumOf(marker, hash)) throw changed();
  return marker;
}

function checksumOf({ format, version, run }: Marker, hash: Hash): number {
  return hash(Buffer.from(JSON.stringify([format, version, run])), 0);
}

function parse(text: string): Marker | undefined {
  try {
    const value = JSON.parse(text) as Marker | null;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function changed(): Damaged {
  return new Damaged('its marker is not what was written (checksum)');
}
