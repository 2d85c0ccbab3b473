/**
 * The command of the package, as a child: a tool that runs until it is told to stop.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { until } from './check.ts';

const MAIN = join(import.meta.dirname, 'dist/cli/main.cjs');

export class Command implements Disposable {
  stdout = '';
  stderr = '';
  status: number | null | undefined;
  readonly child: ChildProcess;

  constructor(...args: readonly string[]) {
    this.child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout!.on('data', (data) => {
      this.stdout += data;
    });
    this.child.stderr!.on('data', (data) => {
      this.stderr += data;
    });
    this.child.on('close', (status) => {
      this.status = status;
    });
  }

  /** Resolves when the programs are attached. */
  async attached(): Promise<void> {
    await until('attached', () => this.status !== undefined || this.stderr.includes('attached'));
    if (this.status !== undefined) throw new Error(`it ended with ${this.status}: ${this.stderr}`);
  }

  /** What it has printed so far, as JSON. */
  get rows(): readonly Readonly<Record<string, unknown>>[] {
    const lines = this.stdout.split('\n').slice(0, -1);
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  /** Resolves to the status that it ends with by itself, or after `signal`. */
  async ended(signal?: NodeJS.Signals): Promise<number | null> {
    if (signal !== undefined) this.child.kill(signal);
    await until('ended', () => this.status !== undefined);
    return this.status!;
  }

  [Symbol.dispose](): void {
    this.child.kill('SIGKILL');
  }
}
