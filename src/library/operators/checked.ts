/** Options of a part that a program hands over, checked as a topology's are. */
import type { z } from 'zod';
import { ConfigError } from '../../errors.ts';

/** Throws a `ConfigError` that names each option that is wrong. */
export function checked<Schema extends z.ZodType>(
  name: string,
  schema: Schema,
  options: unknown,
): z.output<Schema> {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => {
    return path.length === 0 ? message : `\`${path.map(String).join('.')}\`: ${message}`;
  });
  throw new ConfigError(`${name} cannot be made: ${problems.join('; ')}`);
}
