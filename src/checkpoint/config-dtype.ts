/**
 * The number format that a config.json names. transformers 5 loads weights in it by default, whatever they
 * are stored in, so it must say what was written. Everything else in the file stays as it was, to the byte.
 */

/** The text with `dtype` and `torch_dtype`, where it has them, set to this format. */
export function withDtype(configText: string, dtype: 'float32' | 'bfloat16'): string {
  let text = '';
  let at = 0;
  for (const { start, end } of dtypeValues(configText)) {
    text += `${configText.slice(at, start)}"${dtype}"`;
    at = end;
  }
  return text + configText.slice(at);
}

/**
 * Where the values of the outermost object's keys `dtype` and `torch_dtype` stand; nested ones are of other
 * things.
 */
function* dtypeValues(json: string): Generator<{ readonly start: number; readonly end: number }> {
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;
  let depth = 0;
  let key = '';
  let isValue = false;
  for (const { 0: token, index } of json.matchAll(tokens)) {
    if (isValue && depth === 1 && (key === '"dtype"' || key === '"torch_dtype"') && !/[{[]/.test(token))
      yield { start: index, end: index + token.length };
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    if (token === ':') isValue = true;
    else {
      if (!isValue && token.startsWith('"')) key = token;
      isValue = false;
    }
  }
}
