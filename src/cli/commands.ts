/**
 * @module
 * The commands beside the tools, each loaded when it is run. The package has them as modules, since what users write is
 * loaded as modules and must find the same copy of this package.
 */

interface Command {
  /** Resolves to the exit status. */
  run(args: readonly string[]): Promise<number>;
}

export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  list: () => import('./list.ts'),
  disasm: () => import('./disasm.ts'),
  asm: () => import('./asm.ts'),
  exec: () => import('./exec.ts'),
  btf: () => import('./btf.ts'),
  build: () => import('./build.ts'),
  load: () => import('./load.ts'),
  run: () => import('./run.ts'),
  probes: () => import('./probes.ts'),
  doctor: () => import('./doctor.ts'),
  prog: () => import('./show-prog.ts'),
  map: () => import('./show-map.ts'),
  link: () => import('./show-link.ts'),
};
