/**
 * Gets what the tests with programs that are not ours need: kcat, Python's client, a schema registry.
 *
 *   node scripts/kafka/clients.js
 *
 * kcat comes from the system's packages, the others into `.swirl/`. What is there already is left alone, and
 * what cannot be had is said; the tests then say it too.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { does, makePython, pythonIn } from '../setup/does.js';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));
const folder = join(root, '.swirl', 'clients');
const requirements = join(root, 'docs', 'examples', 'requirements.txt');
/** The newest Apicurio that runs on Java 17; it speaks Confluent's protocol and needs no database. */
const REGISTRY = '3.0.9';
const registryFolder = join(folder, `apicurio-${REGISTRY}`);
const REGISTRY_PARENT = join(here, 'registry-parent.xml');
const REGISTRY_SHA256 = '2b28181501a20cbf6efcd77f9b7153908fc01f3d3a7c32024c0bd9e1b04c8a43';
const HOW = 'node scripts/kafka/clients.js gets it';

/** @typedef {import('../setup/does.js').Found} Found */

/** @returns {Found} the command */
export function kcat() {
  const found = ['kcat', 'kafkacat'].find((name) => spawnSync(name, ['-V']).status === 0);
  return found === undefined
    ? {
        path: null,
        why: `there is no kcat (Debian, Ubuntu: apt-get install kcat; macOS: brew install kcat; or ${HOW})`,
      }
    : { path: found, why: null };
}

/** @returns {Found} an interpreter with confluent-kafka and its Avro */
export function python() {
  const path = pythonIn(join(folder, 'python'));
  return path === null
    ? { path, why: `there is no Python with confluent-kafka in ${folder}: ${HOW}` }
    : { path, why: null };
}

/** @returns {Found} the registry's jar; it needs Java 17 */
export function registryJar() {
  const path = join(registryFolder, `apicurio-registry-app-${REGISTRY}-runner.jar`);
  return existsSync(path)
    ? { path, why: null }
    : { path: null, why: `there is no schema registry in ${folder}: ${HOW}` };
}

/** @param {(line: string) => void} say */
function ensureKcat(say) {
  if (kcat().path !== null) return;
  const become = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  const install = [
    'apt-get',
    '-q',
    '-o',
    'DPkg::Lock::Timeout=120',
    'install',
    '-y',
    '--no-install-recommends',
    'kcat',
  ];
  say('installing kcat with apt-get');
  const options = { cwd: folder, say };
  if (!does([...become, ...install], options)) {
    does([...become, 'apt-get', '-q', 'update'], options) && does([...become, ...install], options);
  }
}

/** @param {(line: string) => void} say */
function ensurePython(say) {
  if (python().path !== null) return;
  say('making a Python environment with confluent-kafka, in .swirl');
  makePython(join(folder, 'python'), ['-r', requirements], say);
}

/** @param {(line: string) => void} say */
function ensureRegistry(say) {
  if (registryJar().path !== null) return;
  say(`fetching the schema registry Apicurio ${REGISTRY} with Maven (about 110 MB), into .swirl`);
  const aside = `${registryFolder}.${process.pid}`;
  const archive = join(aside, `apicurio-registry-app-${REGISTRY}-all.tar.gz`);
  mkdirSync(aside, { recursive: true });
  try {
    // In a repository of its own, because of the parent that is put into it.
    const maven = ['mvn', '-q', '-B', `-Dmaven.repo.local=${join(aside, 'maven')}`];
    const plugins = 'org.apache.maven.plugins:maven';
    const artifact = `io.apicurio:apicurio-registry-app:${REGISTRY}:tar.gz:all`;
    const commands = [
      [
        `${plugins}-install-plugin:3.1.2:install-file`,
        `-Dfile=${REGISTRY_PARENT}`,
        `-DpomFile=${REGISTRY_PARENT}`,
      ],
      [`${plugins}-dependency-plugin:3.8.1:copy`, `-Dartifact=${artifact}`, `-DoutputDirectory=${aside}`],
    ];
    if (!commands.every((command) => does([...maven, ...command], { cwd: folder, say }))) return;
    const found = createHash('sha256').update(readFileSync(archive)).digest('hex');
    if (found !== REGISTRY_SHA256) {
      say(`failed: ${artifact}: expected SHA-256 ${REGISTRY_SHA256}, found ${found}`);
      return;
    }
    if (!does(['tar', '-xzf', archive, '-C', aside], { cwd: folder, say })) return;
    rmSync(archive);
    rmSync(join(aside, 'maven'), { recursive: true });
    rmSync(registryFolder, { recursive: true, force: true });
    renameSync(aside, registryFolder);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const say = (/** @type {string} */ line) => process.stderr.write(`clients: ${line}\n`);
  mkdirSync(folder, { recursive: true });
  ensureKcat(say);
  ensurePython(say);
  ensureRegistry(say);
  for (const { why } of [kcat(), python(), registryJar()]) {
    if (why === null) continue;
    say(why);
    process.exitCode = 1;
  }
  if (!process.exitCode) say('kcat, Python with confluent-kafka and the schema registry are there');
}
