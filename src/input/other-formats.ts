/** What people feed that is no data file that can be read, known by its first bytes, and what to do with it. */

const KNOWN: readonly (readonly [beginning: string, what: string])[] = [
  ['PK\x03\x04', 'a ZIP archive or a spreadsheet: unpack it, or save the sheet as CSV'],
  ['\x1f\x8b', 'gzip inside gzip or Zstandard: unpack it once'],
  ['\x28\xb5\x2f\xfd', 'Zstandard inside gzip or Zstandard: unpack it once'],
  ['BZh', 'bzip2 data: unpack it with bunzip2'],
  ['\xfd7zXZ', 'xz data: unpack it with unxz'],
  ['7z\xbc\xaf', 'a 7z archive: unpack it'],
  ['ARROW1', 'an Arrow file: save it as Parquet'],
  ['\xff\xff\xff\xff', 'a stream of Arrow: save it as Parquet'],
  ['ORC', 'an ORC file: save it as Parquet'],
  ['Obj\x01', 'an Avro file: save it as Parquet or JSON lines'],
  ['SQLite format 3', 'a database of SQLite: export the table as CSV'],
  ['\x89HDF', 'an HDF5 file: save it as Parquet'],
  ['\x80\x04', "Python's pickle: save it as Parquet or JSON lines"],
  ['%PDF', 'a PDF'],
  ['version https://git-lfs', 'a pointer of Git LFS: fetch the file itself with `git lfs pull`'],
  ['<', 'a web page or XML: was it downloaded from the right address?'],
];

/** What a file is that cannot be read, by its first bytes as characters; null where they say nothing. */
export function otherFormat(beginning: string): string | null {
  const found = KNOWN.find(([bytes]) => beginning.startsWith(bytes))?.[1];
  if (found !== undefined) return found;
  return beginning.slice(0, 64).includes('\0') ? 'binary data, or text that is not UTF-8' : null;
}
