/**
 * Counters, gauges and histograms, and the text that Prometheus reads of them (exposition format 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/).
 */

type Labels = Readonly<Record<string, string>>;

/** Label sets of one metric that are kept; what comes after is counted under `other`. */
const MOST_SERIES = 1000;
const LABEL_CHARS = 200;

interface Histogram {
  /** How many were no larger than each bound, and all. */
  readonly counts: number[];
  sum: number;
  count: number;
}

abstract class Metric<V> {
  protected readonly series = new Map<string, V>();

  constructor(
    readonly name: string,
    readonly type: 'counter' | 'gauge' | 'histogram',
    readonly help: string,
  ) {}

  protected at(labels: Labels, first: () => V): V {
    let key = labelText(labels);
    if (!this.series.has(key) && this.series.size >= MOST_SERIES) {
      key = labelText(Object.fromEntries(Object.keys(labels).map((name) => [name, 'other'])));
    }
    const found = this.series.get(key);
    if (found !== undefined) return found;
    const made = first();
    this.series.set(key, made);
    return made;
  }

  protected abstract lines(labels: string, value: V): string[];

  text(): string {
    return [
      `# HELP ${this.name} ${this.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
      `# TYPE ${this.name} ${this.type}`,
      ...[...this.series].flatMap(([labels, value]) => this.lines(labels, value)),
    ].join('\n');
  }
}

class Numbers extends Metric<{ value: number }> {
  /** Adds to a counter, `by` 1 where nothing is said. */
  add(labels: Labels, by = 1): void {
    this.at(labels, () => ({ value: 0 })).value += by;
  }

  set(labels: Labels, value: number): void {
    this.at(labels, () => ({ value })).value = value;
  }

  protected lines(labels: string, { value }: { readonly value: number }): string[] {
    return [`${this.name}${braced(labels)} ${numberText(value)}`];
  }
}

class Durations extends Metric<Histogram> {
  readonly #bounds: readonly number[];

  constructor(name: string, help: string, bounds: readonly number[]) {
    super(name, 'histogram', help);
    this.#bounds = bounds;
  }

  observe(labels: Labels, value: number): void {
    const histogram = this.at(labels, () => ({ counts: this.#bounds.map(() => 0), sum: 0, count: 0 }));
    for (const [i, bound] of this.#bounds.entries()) {
      if (value <= bound) histogram.counts[i] = (histogram.counts[i] as number) + 1;
    }
    histogram.sum += value;
    histogram.count++;
  }

  protected lines(labels: string, { counts, sum, count }: Histogram): string[] {
    const bucket = (bound: string, of: number) =>
      `${this.name}_bucket${braced([labels, `le="${bound}"`].filter((part) => part !== '').join(','))} ${of}`;
    return [
      ...this.#bounds.map((bound, i) => bucket(numberText(bound), counts[i] ?? 0)),
      bucket('+Inf', count),
      `${this.name}_sum${braced(labels)} ${numberText(sum)}`,
      `${this.name}_count${braced(labels)} ${count}`,
    ];
  }
}

export class Registry {
  readonly #metrics: (Numbers | Durations)[] = [];

  /** Names of counters end with `_total`. */
  counter(name: string, help: string): Numbers {
    return this.#keep(new Numbers(name, 'counter', help));
  }

  gauge(name: string, help: string): Numbers {
    return this.#keep(new Numbers(name, 'gauge', help));
  }

  /** Names of durations end with `_seconds`. */
  durations(name: string, help: string, bounds: readonly number[]): Durations {
    return this.#keep(new Durations(name, help, bounds));
  }

  text(): string {
    return `${this.#metrics.map((metric) => metric.text()).join('\n')}\n`;
  }

  #keep<M extends Numbers | Durations>(metric: M): M {
    this.#metrics.push(metric);
    return metric;
  }
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`;
}

function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value.slice(0, LABEL_CHARS).toWellFormed())}"`)
    .join(',');
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
