/** What the tests of tools share: the command line as a child, and a shell that makes events when it is told to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** A running tool. */
export class Cli implements AsyncDisposable {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;

  constructor(...args: string[]) {
    this.#child = spawn(process.execPath, ['--import', TSX, MAIN, ...args]);
    this.#child.stdout!.on('data', (data) => {
      this.stdout += data;
    });
    this.#child.stderr!.on('data', (data) => {
      this.stderr += data;
    });
    this.#exit = new Promise((done) => this.#child.on('close', done));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Resolves when the programs are attached. */
  async attached(): Promise<void> {
    const ended = this.#exit.then((status) => {
      throw new Error(`it ended with ${status}: ${this.stderr}`);
    });
    const seen = new Promise<void>((done) => {
      const look = () => this.stderr.includes('attached') && done();
      this.#child.stderr!.on('data', look);
      look();
    });
    await Promise.race([seen, ended]);
  }

  /** The status that it ends with by itself. */
  ended(): Promise<number | null> {
    return this.#exit;
  }

  /** Ctrl-C. */
  stop(): Promise<number | null> {
    this.#child.kill('SIGINT');
    return this.#exit;
  }

  get lines(): string[] {
    return this.stdout.split('\n').filter((line) => line !== '');
  }

  // biome-ignore lint/suspicious/noExplicitAny: whatever the tool prints
  get objects(): any[] {
    return this.lines.map((line) => JSON.parse(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }
}

/** A shell that runs commands one after the other, without starting a process for its builtins. */
export class Shell implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  #output = '';

  constructor(options: { readonly uid?: number; readonly cwd?: string } = {}) {
    this.#child = spawn('sh', { ...options, stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child.stdout!.on('data', (data) => {
      this.#output += data;
    });
    this.#exit = new Promise((done) => this.#child.on('close', done));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Runs commands and resolves to what they printed. */
  run(commands: string): Promise<string> {
    this.#output = '';
    return new Promise((done, fail) => {
      this.#exit.then(() => fail(new Error(`the shell has ended at ${commands}`)));
      const look = () => {
        if (!this.#output.endsWith('\0')) return;
        this.#child.stdout!.off('data', look);
        done(this.#output.slice(0, -1));
      };
      this.#child.stdout!.on('data', look);
      this.#child.stdin!.write(`${commands}\nprintf '\\0'\n`);
    });
  }

  /** Opens a file so many times, one after the other. */
  async open(path: string, times = 1): Promise<void> {
    await this.run(`i=0; while [ $i -lt ${times} ]; do true < '${path}'; i=$((i + 1)); done`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }
}
