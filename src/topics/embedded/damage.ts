/** What is wrong with a log's file or a value in it; the caller says which file it is, and what to do. */
export class Damaged extends Error {}
