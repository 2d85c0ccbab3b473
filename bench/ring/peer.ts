/**
 * The other processes of a benchmark: the consumer in C, and the one that floods.
 * @module
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  closeFd,
  type FileDescriptor,
  fdById,
  progInfo,
  progTestRun,
} from '../../src/syscall/index.ts';

export interface Consumed {
  readonly events: number;
  readonly ns: number;
}

/** consumer.c, compiled and started. */
export class Peer implements Disposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  private constructor(program: string, kind: string, mapId: number) {
    this.#child = spawn(program, [kind, String(mapId)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#reader = createInterface(this.#child.stdout!);
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** undefined where there is no gcc or no libbpf to link with. */
  static start(source: URL, kind: 'ring' | 'perf', mapId: number): Peer | undefined {
    const directory = mkdtempSync(join(tmpdir(), 'beespoke-bench-'));
    try {
      const program = join(directory, 'consumer');
      const args = ['-O2', fileURLToPath(source), '-o', program, '-lbpf'];
      execFileSync('gcc', args, { stdio: 'ignore' });
      // spawn() returns when the program has been started, and needs its file no more.
      return new Peer(program, kind, mapId);
    } catch {
      return undefined;
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  /** What it says to a line. */
  async tell(line: string): Promise<Consumed> {
    this.#child.stdin!.write(`${line}\n`);
    const [events, ns] = ((await this.#lines.next()).value as string).split(' ').map(Number);
    return { events: events!, ns: ns! };
  }

  [Symbol.dispose](): void {
    this.#reader.close();
    this.#child.kill();
  }
}

const FLOOD = '--flood';

/** Whether this process has been started to flood; then it does until it is killed. */
export function isFlood(): boolean {
  const at = process.argv.indexOf(FLOOD);
  if (at < 0) return false;
  const fd = fdById('prog', Number(process.argv[at + 1]));
  if (fd === undefined) throw new Error('the program is gone');
  const dataIn = new Uint8Array(64);
  // Only a killed parent leaves this running.
  const parent = process.ppid;
  while (process.ppid === parent) {
    try {
      progTestRun(fd, { dataIn, repeat: 50_000 });
    } catch (error) {
      // A signal cuts a run short.
      if ((error as { code?: string }).code !== 'EINTR') throw error;
    }
  }
  closeFd(fd);
  return true;
}

/** A process that runs a program without a pause. */
export class FloodProcess implements Disposable {
  readonly #child: ChildProcess;

  constructor(program: FileDescriptor) {
    const id = progInfo(program.fd).id;
    const args = [...process.execArgv, process.argv[1]!, FLOOD, String(id)];
    this.#child = spawn(process.execPath, args, { stdio: 'inherit' });
  }

  /** Ends it, and waits until it is gone: then its last run is over. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
