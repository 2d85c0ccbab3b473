/**
 * @module
 * The types of the kernel and of its modules, of which most kinds of probes are made: gone through once.
 */
import { type Btf, type BtfFunction, functionsOf, namesOf } from '../../btf/index.ts';
import type { ProbeSources } from './sources.ts';

/** Why there is nothing that is known from types. */
export const NO_TYPES =
  'this kernel has no type information (CONFIG_DEBUG_INFO_BTF), or sysfs is not mounted on /sys';

/** The types that the tracepoint macros leave for programs with arguments. */
const TRACEPOINT = 'btf_trace_';

/** The types of the kernel, or of the module of that name. */
export interface TypesOf {
  readonly btf: Btf;
  readonly module: string | undefined;
}

export class ProbeTypes {
  readonly #sources: ProbeSources;
  #all: readonly TypesOf[] | undefined;
  readonly #functions = new Map<Btf, readonly BtfFunction[]>();
  readonly #ids = new Map<Btf, ReadonlyMap<string, number>>();
  readonly #tracepoints = new Map<Btf, readonly string[]>();

  constructor(sources: ProbeSources) {
    this.#sources = sources;
  }

  /** The kernel's first; none where it has no types. */
  get all(): readonly TypesOf[] {
    if (!this.#all) {
      const btf = this.#sources.btf();
      const modules = btf ? this.#sources.modules() : [];
      this.#all = [btf ? { btf, module: undefined } : [], modules.map(ofModule)].flat();
    }
    return this.#all;
  }

  of(module: string | undefined): Btf | undefined {
    return this.all.find((each) => each.module === module)?.btf;
  }

  functions(btf: Btf): readonly BtfFunction[] {
    return remembered(this.#functions, btf, functionsOf);
  }

  /** The id of a function. */
  idOf(btf: Btf, name: string): number | undefined {
    const index = () => new Map(this.functions(btf).map((each) => [each.name, each.id]));
    return remembered(this.#ids, btf, index).get(name);
  }

  tracepoints(btf: Btf): readonly string[] {
    return remembered(this.#tracepoints, btf, () =>
      namesOf(btf, 'typedef').flatMap(({ name }) =>
        name.startsWith(TRACEPOINT) ? [name.slice(TRACEPOINT.length)] : [],
      ),
    );
  }
}

const ofModule = (btf: Btf): TypesOf => ({ btf, module: btf.label });

const remembered = <T>(known: Map<Btf, T>, btf: Btf, make: (btf: Btf) => T): T => {
  const found = known.get(btf) ?? make(btf);
  known.set(btf, found);
  return found;
};
