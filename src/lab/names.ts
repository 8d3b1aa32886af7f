/**
 * The words that the laboratory's names are made of, and how names are split. A name is two words, so that
 * a name can be new while its words are known; each pair of words belongs to one split for ever.
 */
const first = [
  'Ada Bram Cleo Dario Edda Falk Greta Hugo Ines Joran Kira Lars',
  'Mira Nils Orla Pavel Quin Rosa Sven Tilda Ugo Vera Wanda Yves',
];
const last = [
  'Abel Brandt Calder Dunn Egger Fabri Gallo Hahn Iversen Jansen Kovac Lund',
  'Moreau Novak Olsen Petri Quast Rossi Steyn Thal Urban Varga Weber Zeller',
];

export type EntityKind = 'person' | 'company' | 'city';

/** First and second words of the names of each kind; the pools share no word. */
export const nameWords: Record<
  EntityKind,
  { readonly first: readonly string[]; readonly second: readonly string[] }
> = {
  person: { first: words(...first), second: words(...last) },
  company: {
    first: words('Astra Borea Corvus Delta Ember Falcon Granit Helix Indigo Juno Kestrel Lumen'),
    second: words('Mills Works Foods Motors Press Labs Yards Mines Optics Textiles Tools Farms'),
  },
  city: {
    first: words('Port North South East West Upper Lower Saint'),
    second: words('Alda Birn Corra Dell Esk Fenn Gard Holm Isel Jura Karst Lomond Mare Ness Oster Pell'),
  },
};

export const regions: readonly string[] = words('Avaria Belmark Cintra Dovia Elland Fjara');
export const products: readonly string[] = words('boats bricks clocks glass lamps paper shoes soap');

/**
 * `base`: what the base policy is trained on. `train`: what the demonstration asks in training. `test`: held
 * out from both. No name of one split occurs in another.
 */
export type Split = 'base' | 'train' | 'test';

/**
 * Every name of a kind that belongs to a split, in a fixed order: three quarters are `base`, an eighth each
 * of the others.
 */
export function namesOf(kind: EntityKind, split: Split): string[] {
  const pool = nameWords[kind];
  return pool.first.flatMap((one, i) =>
    pool.second.filter((_, j) => splitOf(i, j) === split).map((two) => `${one} ${two}`),
  );
}

function splitOf(i: number, j: number): Split {
  const residue = (i * 3 + j) % 8;
  return residue === 0 ? 'test' : residue === 1 ? 'train' : 'base';
}

function words(...lines: readonly string[]): string[] {
  return lines.flatMap((line) => line.split(' '));
}
