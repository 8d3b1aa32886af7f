/**
 * A strict reader of Prometheus' text, written from its specification alone: what it does not allow is an error.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

export function readExposition(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('expected a line end at the end');
  const families = new Map<string, { type: string; help: string; samples: Sample[] }>();
  let at = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment) {
      const [, what, name = '', rest = ''] = comment;
      if (!NAME.test(name)) throw new Error(`no name: ${line}`);
      if (what === 'HELP') {
        if (families.has(name)) throw new Error(`twice: ${line}`);
        families.set(name, { type: '', help: rest, samples: [] });
        at = name;
      } else {
        const family = families.get(name);
        if (name !== at || family === undefined || family.type !== '')
          throw new Error(`out of place: ${line}`);
        if (!['counter', 'gauge', 'histogram'].includes(rest)) throw new Error(`no type: ${line}`);
        family.type = rest;
      }
      continue;
    }
    const sample = sampleOf(line);
    const family = families.get(at);
    const suffix = sample.name.slice(at.length);
    const allowed = family?.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    if (!sample.name.startsWith(at) || !allowed.includes(suffix)) throw new Error(`out of place: ${line}`);
    family?.samples.push(sample);
  }
  return families;
}

function sampleOf(line: string): Sample {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0];
  if (name === undefined) throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  let rest = line.slice(name.length);
  if (rest.startsWith('{')) {
    rest = rest.slice(1);
    while (!rest.startsWith('}')) {
      const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,(?!\})|(?=\}))/.exec(rest);
      if (label === null) throw new Error(`no label: ${line}`);
      const [whole, key = '', value = ''] = label;
      if (Object.hasOwn(labels, key)) throw new Error(`twice: ${line}`);
      labels[key] = value.replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
      rest = rest.slice(whole.length);
    }
    rest = rest.slice(1);
  }
  const value = /^ (NaN|[+-]Inf|[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)$/.exec(rest)?.[1];
  if (value === undefined) throw new Error(`no value: ${line}`);
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}
