/** Something that the policy wrote which has no value, or has two; its message is shown to the policy. */
export class Refusal extends Error {}

/** Letters that are units are not tried as unknowns where they are different units. */
export class UnitsDiffer extends Refusal {}

/** What is written can be meant in two ways: both are named, so that the next call can say which. */
export function ambiguous(written: string, one: string, other: string): Refusal {
  return new Refusal(
    `${JSON.stringify(written.slice(0, 60))} can be read as ${one} or as ${other}: write which.`,
  );
}

export function unreadable(): Refusal {
  return new Refusal('this cannot be read as an expression.');
}

export function unknownName(name: string): Refusal {
  return new Refusal(
    `the name ${JSON.stringify(name.slice(0, 40))} is not known; write numbers without units.`,
  );
}

/** `sum of 3 numbers` beside `is 12` */
export function unsaid(phrase: string): Refusal {
  return new Refusal(
    `${JSON.stringify(phrase.slice(0, 60))} does not say of which numbers: write them, or an equation in x.`,
  );
}
