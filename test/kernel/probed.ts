/** The program of probed.c in processes of its own, for tests of user probes. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Why it cannot be compiled here; undefined when it can. */
export const noCompiler: string | undefined = (() => {
  try {
    execFileSync('cc', ['--version'], { stdio: 'pipe' });
    return undefined;
  } catch {
    return 'there is no cc';
  }
})();

/** The compiled program, until `close()`. */
export class Probed {
  readonly path: string;
  readonly #directory = mkdtempSync(join(tmpdir(), 'beespoke-probed-'));

  constructor() {
    this.path = join(this.#directory, 'probed');
    const source = fileURLToPath(new URL('./probed.c', import.meta.url));
    execFileSync('cc', ['-O2', source, '-o', this.path], { stdio: 'pipe' });
  }

  /** Starts a process of it. */
  async start(): Promise<ProbedProcess> {
    const child = spawn(this.path, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const next = async (): Promise<number[]> =>
      String((await lines.next()).value)
        .split(' ')
        .map(Number);
    const [pid = 0] = await next();
    return {
      pid,
      round: async (number) => {
        child.stdin.write(`${number}\n`);
        const [sum = 0, semaphore = 0] = await next();
        return { sum, semaphore };
      },
      close: () => {
        child.kill('SIGKILL');
      },
      [Symbol.dispose]: () => {
        child.kill('SIGKILL');
      },
    };
  }

  close(): void {
    rmSync(this.#directory, { recursive: true });
  }
}

export interface ProbedProcess extends Disposable {
  readonly pid: number;
  /** Has it call its functions once: `probed_add(number, 1000, "text")` and the others. */
  round(number: number): Promise<{ readonly sum: number; readonly semaphore: number }>;
  close(): void;
}
