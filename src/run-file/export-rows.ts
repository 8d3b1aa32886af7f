/** Writes a run's trajectories as a data set: JSON lines or Parquet, by the name of the file. */
import { ConfigError } from '../errors.ts';
import { parseWhere } from '../monitor/where.ts';
import { rowTree } from './row-forms.ts';
import { type RowsOptions, type TrajectoryRow, trajectoryRows } from './trajectory-rows.ts';
import { writeAside } from './write-archive.ts';
import { writeLines, writeParquet } from './write-rows.ts';

export interface ExportRowsOptions extends RowsOptions {
  readonly file: string;
  /** A condition of `swirl tap --where` that rows must meet; null: all. */
  readonly where: string | null;
  readonly onProgress?: (rows: number) => void;
}

export interface ExportedRows {
  readonly rows: number;
  /** How many trajectories there are. */
  readonly of: number;
}

/** The endings of files of rows. */
export const ROW_FILES = /\.(jsonl|ndjson|parquet)$/i;

/** A `ConfigError` where the file is there, its name says no form, or the condition makes no sense. */
export async function exportRows({
  file,
  where,
  onProgress,
  ...options
}: ExportRowsOptions): Promise<ExportedRows> {
  if (!ROW_FILES.test(file))
    throw new ConfigError(`${file}: expected a name that ends with .jsonl or .parquet, for ${options.form}`);
  const tree = rowTree(options.form);
  const meets = where === null ? () => true : parseWhere(where, tree);
  let of = 0;
  const kept = async function* (): AsyncGenerator<TrajectoryRow, void> {
    for await (const row of trajectoryRows(options)) {
      onProgress?.(++of);
      if (meets(row)) yield row;
    }
  };
  const rows = await writeAside(file, (handle, path) =>
    /\.parquet$/i.test(file) ? writeParquet(path, kept(), tree) : writeLines(handle, kept()),
  );
  return { rows, of };
}
