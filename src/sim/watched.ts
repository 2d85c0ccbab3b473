/**
 * @module
 * An interpreter that tells of each instruction before it executes it: for coverage. It takes a few times as long.
 */
import type { Instruction } from '../asm/index.ts';
import type { MachineCode } from './code.ts';
import type { Environment } from './engine.ts';
import { Interpreter } from './interpreter.ts';

/** Is told which instruction of a program comes next, and after which one: -1 where the program begins. */
export type Watcher = (instructions: readonly Instruction[], index: number, before: number) => void;

export class WatchedInterpreter extends Interpreter {
  readonly #watch: Watcher;
  #before = -1;

  constructor(environment: Environment, watch: Watcher) {
    super(environment);
    this.#watch = watch;
  }

  override start(code: MachineCode, index: number, args: readonly (number | bigint)[]): void {
    super.start(code, index, args);
    this.#before = -1;
  }

  override run(fuel: number): boolean {
    for (let left = fuel; left > 0; left--) {
      const { code, pc } = this;
      this.#watch(code.instructions, pc, this.#before);
      if (super.run(1)) return true;
      this.#before = this.code === code ? pc : -1;
    }
    return false;
  }
}
