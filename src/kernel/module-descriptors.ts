/**
 * @module
 * Descriptors of the BTF of the kernel's modules, which programs that use a module's types or functions are loaded
 * with. Each is opened when it is first asked for, and kept until `close()`.
 */
import { RequirementError } from '../object/index.ts';
import { btfInfo, closeFd, FileDescriptor, fdById, ids } from '../syscall/index.ts';

export class ModuleDescriptors {
  readonly #open = new Map<string, FileDescriptor>();

  /** The descriptor of a module's BTF. Linux 5.11. */
  fdOf(module: string): number {
    const known = this.#open.get(module);
    if (known) return known.fd;
    const found = new FileDescriptor(find(module), `the BTF of ${module}`);
    this.#open.set(module, found);
    return found.fd;
  }

  close(): void {
    for (const descriptor of this.#open.values()) descriptor.close();
    this.#open.clear();
  }
}

const find = (module: string): number => {
  for (const id of ids('btf')) {
    const fd = fdById('btf', id);
    if (fd === undefined) continue;
    const { kernel, name } = btfInfo(fd);
    if (kernel && name === module) return fd;
    closeFd(fd);
  }
  throw new RequirementError(`the module ${module} is no longer loaded`);
};
