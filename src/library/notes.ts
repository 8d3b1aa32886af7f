/** Where a library's notes for its user go when the user names no other place. */

/** Hears what the user should know: an outage, records that were left out, a device that is missing. */
export type Notify = (message: string) => void;

/** A Node warning: on stderr by default, and for those who listen with `process.on('warning', …)`. */
export const warn: Notify = (message) => process.emitWarning(message, 'SwirlWarning');
