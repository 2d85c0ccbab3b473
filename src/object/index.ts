/**
 * @module
 * What is loaded: objects, programs and maps as data; their own BTF; and linking them for one kernel.
 */
export { accessOf, argumentNames, KernelNumbers, type Resolved } from './core.ts';
export { type LinkedObject, type LinkedProgram, link, POISON, parseHook } from './link.ts';
export {
  clearPadding,
  holesOf,
  lossOf,
  output,
  perfOutput,
  reserve,
  ringOutput,
  update,
} from './loss.ts';
export * from './map-spec.ts';
export { counterName, type ObjectSpec, object } from './object-spec.ts';
export * from './program-spec.ts';
export { SyscallEnter, SyscallExit } from './syscall-context.ts';
export { TypeInfo } from './type-info.ts';
export { RequirementError, type TracepointField, type World } from './world.ts';
