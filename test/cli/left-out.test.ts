import { describe, expect, test } from '@jest/globals';
import { LeftOut } from '../../src/cli/left-out.ts';
import { DataError } from '../../src/errors.ts';

function told(messages: readonly string[]) {
  const said: string[] = [];
  const leftOut = new LeftOut((message) => said.push(message));
  for (const message of messages) leftOut.skip(new DataError(message));
  leftOut.tellRest();
  return { said, count: leftOut.count, isCut: leftOut.isCut };
}

describe('malformed records', () => {
  test('a reason is told once, with the places of the others that share it', () => {
    const { said, count } = told([
      'a.jsonl:2: expected an id, found "a/1"',
      'a.jsonl:3: the key `anwser` is not known',
      'a.jsonl:7: expected an id, found "b \\" /12"',
      'b.json[4] (byte 90): expected an id, found "c"',
      'b.json[6] (byte 120): expected an id, found "d"',
      'c.parquet, row 3: expected an id, found "e"',
      'c.parquet, row 9: expected an id, found "f"',
    ]);
    expect(said).toEqual([
      'swirl: left out: a.jsonl:2: expected an id, found "a/1"',
      'swirl: left out: a.jsonl:3: the key `anwser` is not known',
      'swirl: left out for the same reason: a.jsonl:7, b.json[4], [6], c.parquet, row 3, 9',
    ]);
    expect(count).toBe(7);
  });

  test('what the parser says of each text does not make another reason', () => {
    const { said } = told([
      `a.jsonl:1: expected a question, found text that is not JSON, beginning with "{x": Expected property name`,
      `a.jsonl:2: expected a question, found text that is not JSON, beginning with "y": Unexpected token 'y'`,
    ]);
    expect(said).toHaveLength(2);
    expect(said[1]).toBe('swirl: left out for the same reason: a.jsonl:2');
  });

  test('neither reasons nor places are without bound', () => {
    const many = told(Array.from({ length: 100 }, (_, at) => `a:${at + 1}: no`));
    expect(many.said[1]).toMatch(/: a:2, 3, .*, 12 and 88 more$/);
    const reasons = told(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((text) => `x:1: ${text}`));
    expect(reasons.said).toHaveLength(5);
    expect(reasons).toMatchObject({ count: 7, isCut: true });
  });
});
