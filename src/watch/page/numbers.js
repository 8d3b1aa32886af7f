/** Numbers as people read them. */

const whole = new Intl.NumberFormat('en');

export function count(value) {
  return value == null ? '–' : whole.format(Math.round(value));
}

export function rate(value) {
  if (!value) return '0/s';
  return value >= 100 ? `${count(value)}/s` : `${value.toPrecision(2)}/s`;
}

/** Any measure, in about four digits. */
export function measure(value) {
  if (value == null) return '–';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e7) return whole.format(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return value.toFixed(size < 10 ? 3 : size < 100 ? 2 : 1);
}

export function share(value) {
  return value == null ? '–' : `${(100 * value).toFixed(1)} %`;
}

export function moment(time) {
  return new Date(time).toLocaleString('en-CA', { hour12: false }).replace(',', '');
}
