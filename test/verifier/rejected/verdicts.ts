/**
 * @module
 * What the running kernel makes of the rejected programs, and what was recorded of one.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { kernelBtf, loadObject, VerifierError } from '../../../src/kernel/index.ts';
import { REJECTED, type Rejected } from './index.ts';

/** The log of a refusal; `accepted`; or why the verifier never saw the program. */
export type Verdict =
  | { readonly kind: 'refused'; readonly log: string; readonly error?: VerifierError }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'failed'; readonly why: string };

/** The verdict of the running kernel, with the privileges of this process. */
export const verdictOf = (program: Rejected): Verdict => {
  try {
    loadObject(program.object({ functionId }), { pinPath: '' }).close();
    return { kind: 'accepted' };
  } catch (error) {
    if (error instanceof VerifierError) return { kind: 'refused', log: error.log, error };
    return { kind: 'failed', why: (error as Error).message };
  }
};

const functionId = (name: string): number => kernelBtf()?.findByName(name, 'func') ?? 0;

/** The verdicts on the restricted programs, from a process that has CAP_BPF and CAP_NET_ADMIN and no more. */
export const restrictedVerdicts = (): Readonly<Record<string, Verdict>> => {
  const script = fileURLToPath(new URL('./restricted.ts', import.meta.url));
  const node = [process.execPath, '--import', import.meta.resolve('tsx'), script];
  const output = execFileSync('setpriv', ['--bounding-set=-all,+bpf,+net_admin', ...node], {
    encoding: 'utf8',
  });
  return JSON.parse(output) as Record<string, Verdict>;
};

/** Under which its log is recorded, and tests name it. */
export const titleOf = ({ class: group, name }: Rejected): string => `${group}: ${name}`;

// ----------
// Recorded by Linux 6.18
// ----------

/** The classes with recorded logs, in the order of the programs. */
export const CLASSES = [...new Set(REJECTED.map((program) => program.class))];

export const fileOf = (group: Rejected['class']): URL =>
  new URL(`../../golden/verifier/rejected/${group}.txt`, import.meta.url);

/** The heading of a log in the file of its class. */
const HEADING = /^== (.*)\n/m;

export const writeLogs = (logs: ReadonlyMap<string, string>): string =>
  [...logs].map(([name, log]) => `== ${name}\n${log}`).join('');

/** The recorded logs of a class, by the names of the programs. */
export const recordedLogs = (group: Rejected['class']): ReadonlyMap<string, string> =>
  readLogs(fileOf(group));

export const readLogs = (file: URL): ReadonlyMap<string, string> => {
  const [, ...parts] = readFileSync(file, 'utf8').split(HEADING);
  const pairs = parts.flatMap((name, index) =>
    index % 2 === 0 ? [[name, parts[index + 1]!] as const] : [],
  );
  return new Map(pairs);
};
