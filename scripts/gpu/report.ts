/**
 * Programs run one after the other, each within its time, and what they printed as one Markdown file: it is
 * written again after each, so that it is there whatever happens.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';

export interface Step {
  readonly title: string;
  /** What the figures of this step are about. */
  readonly about: string;
  readonly command: readonly [string, ...string[]];
  /** It is ended after so many seconds, and the next begins. */
  readonly seconds: number;
}

export interface ReportOptions {
  readonly steps: readonly Step[];
  readonly file: string;
  /** Stands at the beginning of the file. */
  readonly heading: string;
  /** Longest output of a step that is kept, in characters: its beginning and its end. */
  readonly longest: number;
  readonly say: (line: string) => void;
}

/** How a step ended. */
interface Ended {
  readonly how: string;
  readonly isWell: boolean;
  readonly output: string;
}

/** Runs the steps, and writes the report. Returns whether all ended well. */
export async function report({ steps, file, heading, longest, say }: ReportOptions): Promise<boolean> {
  const parts = [heading];
  let allWell = true;
  for (const step of steps) {
    say(`${step.title}: at most ${step.seconds} s`);
    const started = performance.now();
    const { how, isWell, output } = await run(step);
    const took = `${how} after ${((performance.now() - started) / 1000).toFixed(0)} s`;
    allWell &&= isWell;
    say(`${step.title}: ${took}`);
    parts.push(
      `## ${step.title}\n\n${step.about} \`${step.command.slice(1).join(' ')}\`: ${took}.`,
      fenced(shortened(output, longest)),
    );
    writeFileSync(file, `${parts.join('\n\n')}\n`);
  }
  return allWell;
}

function run({ command: [program, ...args], seconds }: Step): Promise<Ended> {
  return new Promise((resolve) => {
    // A group of its own: what it started ends with it.
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    let isLate = false;
    const kill = () => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    };
    const timer = setTimeout(() => {
      isLate = true;
      kill();
    }, seconds * 1000);
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    const ended = (how: string, isWell: boolean) => {
      clearTimeout(timer);
      resolve({ how, isWell, output });
    };
    child.on('error', ({ message }) => ended(`could not be started (${message})`, false));
    child.on('close', (code, signal) => {
      if (isLate) ended('its time was up: ended', false);
      else ended(signal ? `ended by ${signal}` : code === 0 ? 'done' : `failed with ${code}`, code === 0);
    });
  });
}

/** The beginning and the end, where the middle is too much. */
function shortened(output: string, longest: number): string {
  const text = stripVTControlCharacters(output).trimEnd();
  if (text.length <= longest) return text;
  const half = Math.floor(longest / 2);
  return `${text.slice(0, half)}\n… ${text.length - 2 * half} characters left out …\n${text.slice(-half)}`;
}

/** A block of code that nothing within it ends. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}
