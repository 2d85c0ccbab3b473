/**
 * @module
 * Programs that are attached without a link of the kernel's, as kernels before those links need, and sockets and
 * classic traffic control always. They stay attached when the process ends without `close()`.
 */
import { RequirementError } from '../object/index.ts';
import { BpfError, isAtLeast } from '../syscall/index.ts';
import type { Closable } from './closable.ts';
import { type Attached, Link } from './link.ts';
import type { AttachContext } from './perf-link.ts';
import type { Program } from './program.ts';
import { FEATURES, type Feature } from './without.ts';

export interface AttachmentOptions {
  readonly hook: string;
  readonly how: Exclude<Attached, 'link' | 'links' | 'ioctl'>;
  /** Puts another program in place of the attached one. */
  readonly replace: (program: Program) => void;
  readonly detach: () => void;
  /** Where there are links for it: the feature that the kernel lacks. */
  readonly feature?: Feature | undefined;
}

/** A program that is attached until `close()`. */
export class Attachment extends Link {
  readonly #options: AttachmentOptions;
  #closed = false;

  constructor(options: AttachmentOptions, parts: readonly Closable[] = []) {
    super(options.hook, options.how, parts);
    this.#options = options;
  }

  override get fd(): number {
    const { hook, feature } = this.#options;
    const because = feature ? `needs Linux ${FEATURES[feature]}` : 'the kernel does not have here';
    throw new RequirementError(`${hook} is attached without a link, which ${because}`);
  }

  override update(program: Program): void {
    if (this.#closed) throw new Error(`${this.hook} is closed`);
    this.#options.replace(program);
  }

  override detach(): void {
    this.close();
  }

  override close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#options.detach();
    } finally {
      super.close();
    }
  }
}

/** The descriptor of a link; undefined on kernels that have no such links. */
export const linkUnless = (
  { without }: AttachContext,
  feature: Feature,
  make: () => number,
): number | undefined => {
  if (without.has(feature)) return undefined;
  try {
    return make();
  } catch (error) {
    const isOld = !isAtLeast(FEATURES[feature]);
    if (isOld && error instanceof BpfError && error.code === 'EINVAL') return undefined;
    throw error;
  }
};

/** The options that a program cannot be attached without; `example` shows them. */
export const required = <T>(program: Program, value: T | undefined, example: string): T => {
  if (value !== undefined) return value;
  throw new RequirementError(
    `${program.name}: ${program.spec.hook.section} does not say where to attach it: attach(${example})`,
  );
};
