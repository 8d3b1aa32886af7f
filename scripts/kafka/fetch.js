/**
 * The broker's program: Apache Kafka's own jars, as pom.xml pins them, copied by Maven into the checkout's
 * cache.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));
const pom = join(here, 'pom.xml');

/** The least Java that Kafka 4's server runs on. */
const JAVA = 17;
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

/** Where the checkout keeps what belongs to the broker; git ignores it. */
export const kafkaFolder = join(root, '.swirl', 'kafka');

/** The version of Kafka that pom.xml names. */
export const kafkaVersion = /kafka_2\.13<\/artifactId>\s*<version>([^<]+)</.exec(
  readFileSync(pom, 'utf8'),
)?.[1];

/**
 * What is missing on this machine to run a broker, and how to get it; null when nothing is.
 *
 * @returns {string | null}
 */
export function missing() {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const found = java.error ? null : Number(/version "(\d+)/.exec(java.stderr)?.[1] ?? 0);
  if (found === null || found < JAVA) {
    const what = found === null ? 'there is no `java`' : `\`java\` is version ${found}`;
    return `${what}; Kafka needs Java ${JAVA} or later (Debian, Ubuntu: apt-get install openjdk-17-jre-headless)`;
  }
  if (!isFetched() && spawnSync('mvn', ['-version'], { shell: windows }).status !== 0) {
    return 'there is no `mvn`, which fetches Kafka from Maven Central (Debian, Ubuntu: apt-get install maven)';
  }
  return null;
}

/** Whether the jars are there. @returns {boolean} */
export function isFetched() {
  return existsSync(libs());
}

/**
 * The folder with the jars, fetched if they are not there yet. Throws an Error that says what to do.
 *
 * @param {(line: string) => void} say
 * @returns {string}
 */
export function ensureKafka(say) {
  const want = missing();
  if (want !== null) throw new Error(want);
  if (isFetched()) return libs();
  say(`fetching Kafka ${kafkaVersion} with Maven, once, into ${kafkaFolder}`);
  // Copied aside and renamed, so that a copy that was cut off is never taken for a whole one.
  const aside = `${libs()}.${process.pid}`;
  mkdirSync(kafkaFolder, { recursive: true });
  const options = ['-q', '-B', '-f', pom, COPY, '-DincludeScope=runtime', `-DoutputDirectory=${aside}`];
  // In the cache folder, or Maven makes a `target` beside the pom.
  const done = spawnSync('mvn', options, { cwd: kafkaFolder, encoding: 'utf8', shell: windows });
  if (done.status !== 0) {
    rmSync(aside, { recursive: true, force: true });
    const output = `${done.stdout}${done.stderr}`.trim().slice(-2000);
    throw new Error(`Maven could not fetch Kafka ${kafkaVersion}; is Maven Central reachable?\n${output}`);
  }
  if (isFetched()) rmSync(aside, { recursive: true, force: true });
  else renameSync(aside, libs());
  return libs();
}

const windows = process.platform === 'win32';

function libs() {
  return join(kafkaFolder, `kafka-${kafkaVersion}`);
}
