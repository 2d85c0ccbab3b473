/**
 * @module
 * Programs at their hooks. A link ends with its descriptor, and so with the process whatever becomes of it.
 */
import { RequirementError } from '../object/index.ts';
import {
  FileDescriptor,
  iterCreate,
  type LinkInfo,
  linkDetach,
  linkInfo,
  linkUpdate,
} from '../syscall/index.ts';
import { type Closable, closeAll } from './closable.ts';
import { IteratorFile } from './iterator-file.ts';
import { pin } from './pins.ts';
import type { Program } from './program.ts';

/**
 * How a program is attached: by a link of the kernel's; by several, one for each place; by the ioctl of perf events,
 * where the kernel has no links for them; by netlink, by BPF_PROG_ATTACH or by an option of a socket (`Attachment`).
 */
export type Attached = 'link' | 'links' | 'ioctl' | 'netlink' | 'attach' | 'socket';

/** A program that runs whenever its hook is passed. */
export class Link {
  /** The hook, as `tp_btf/sched_switch`. */
  readonly hook: string;
  readonly how: Attached;
  readonly #parts: readonly Closable[];

  /** Owns the parts, which are closed in order; for 'link' the first is its descriptor. */
  constructor(hook: string, how: Attached, parts: readonly Closable[]) {
    this.hook = hook;
    this.how = how;
    this.#parts = parts;
  }

  /** What the kernel says of it. Only for 'link'. */
  info(): LinkInfo {
    return linkInfo(this.fd);
  }

  /** The number of the link's descriptor; throws when it is closed. Only for 'link'. */
  get fd(): number {
    const [descriptor] = this.#parts;
    if (this.how === 'link' && descriptor instanceof FileDescriptor) return descriptor.fd;
    throw new RequirementError(
      this.how === 'links'
        ? `${this.hook} is attached by several links, one for each place`
        : `${this.hook} is attached without a link, which needs Linux 5.15`,
    );
  }

  /**
   * Puts another program in place of the attached one: no event is missed in between. For networking, cgroup and
   * iterator links. Linux 5.7. Only for 'link'.
   */
  update(program: Program): void {
    linkUpdate(this.fd, program.fd);
  }

  /**
   * For iterators: a new run of it, whose output can be read. Linux 5.8.
   * @example
   * using link = loaded.programs.dumpTasks.attach();
   * using file = link.open();
   * file.text();
   */
  open(): IteratorFile {
    return new IteratorFile(iterCreate(this.fd), `output of ${this.hook}`);
  }

  /**
   * Detaches the program although the link is pinned, or others hold it: for networking and cgroup links, which then
   * have no effect. Linux 5.9. Only for 'link'; an `Attachment` is closed.
   */
  detach(): void {
    linkDetach(this.fd);
  }

  /** Keeps it attached under a path in a BPF file system, until `unpin(path)`. Only for 'link'. */
  pin(path: string): void {
    pin(this.fd, path);
  }

  /** Detaches the program. It may still be running on another CPU for a moment. */
  close(): void {
    closeAll(this.#parts);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
