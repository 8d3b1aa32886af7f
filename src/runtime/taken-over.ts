/**
 * What a stage's operator ends with where it sees that another worker has its partition, before the transport
 * does.
 */
import { TransportError } from '../errors.ts';

/** The partition is given back, and the run goes on: with others' partitions, or with this one anew. */
export class TakenOver extends TransportError {}
