/** What a run leaves in its folder. Loads nothing: commands look for it before they load what reads it. */

/** The resolved topology's file. */
export const RESOLVED_FILE = 'topology.resolved.yaml';
/** What makes a folder a run's, whose resolved topology may be lost or taken elsewhere. */
export const RUN_FOLDERS: readonly string[] = ['log', 'checkpoints'];
