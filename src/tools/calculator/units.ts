/** Units of measure, so that hours are not added to minutes. Units never change a value. */

/** Each line is a dimension; between its semicolons stand the names of one unit. */
const DIMENSIONS = `
  ms millisecond; s sec second; min minute; h hr hour; day; week wk; month; yr year; decade; century
  mm millimeter millimetre; cm centimeter centimetre; m meter metre; km kilometer kilometre; in inch; ft foot feet; yd yard; mi mile
  mg milligram; g gram; kg kilo kilogram; lb pound; oz ounce; ton; tonne
  ml milliliter millilitre; cl; dl; l liter litre; gallon gal; quart qt; pint pt; cup; tablespoon tbsp; teaspoon tsp
  usd buck dollar; cent; dime; nickel; quarter; penny pence pennies; eur euro; gbp; inr rupee; jpy yen; cny yuan; chf; cad; aud
  °c celsius; °f fahrenheit; degree deg °; radian rad
  kb; mb; gb; tb; byte; bit
`;

export interface Unit {
  /** Its first name. */
  readonly name: string;
  readonly dimension: number;
}

const UNITS: ReadonlyMap<string, Unit> = new Map(
  DIMENSIONS.trim()
    .split('\n')
    .flatMap((line, dimension) =>
      line.split(';').flatMap((names): [string, Unit][] => {
        const all = names.trim().split(' ');
        return all.map((name) => [name, { name: all.at(-1) as string, dimension }]);
      }),
    ),
);

/** The unit that words after a number name; null where they count something else. */
export function unitNamed(words: string): Unit | null {
  const plain = words.toLowerCase().replace(/\.$/, '');
  return (
    UNITS.get(plain) ??
    UNITS.get(plain.replace(/(?<=ch)es$|s$/, '')) ??
    UNITS.get(plain.replace(/ies$/, 'y')) ??
    null
  );
}
