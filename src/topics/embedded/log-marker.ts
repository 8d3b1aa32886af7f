/** The marker: what says that an LMDB file is the log of a run, and of which format. */
import type { Checksums } from './checksums.ts';
import { Damaged } from './damage.ts';
import { FORMAT, FORMATS, formatOf, type Marker, NEWEST_FORMAT } from './log-format.ts';

/** The marker's value in a log that is made now. */
export function markerBytes(run: string, checksums: Checksums, hasGaps = false): Buffer {
  const marker = { format: FORMAT, version: formatOf(hasGaps), run };
  return Buffer.from(JSON.stringify({ ...marker, checksum: checksumOf(marker, checksums) }));
}

/**
 * The marker, undefined where the file is of something else. Throws `Damaged` where its bytes are not those
 * that were written: a format of before would have its values read without their checksums.
 */
export function readMarker(bytes: Uint8Array | undefined, checksums: Checksums): Marker | undefined {
  if (bytes === undefined) return undefined;
  const text = Buffer.from(bytes).toString('utf8');
  const marker = parse(text);
  if (marker?.format !== FORMAT) {
    if (text.includes(FORMAT) || text.includes('"version"')) throw changed();
    return undefined;
  }
  // What a newer version counts in is not known here; the log is refused for being newer.
  if (marker.version > NEWEST_FORMAT) return marker;
  if (!FORMATS.has(marker.version) || marker.checksum !== checksumOf(marker, checksums)) throw changed();
  return marker;
}

/** Undefined in a format without checksums. */
function checksumOf({ format, version, run }: Marker, checksums: Checksums): number | undefined {
  const by = FORMATS.get(version)?.checksum;
  if (by === null || by === undefined) return undefined;
  return checksums[by](Buffer.from(JSON.stringify([format, version, run])), 0);
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
