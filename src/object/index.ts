/**
 * @module
 * What is loaded: objects, programs and maps as data; their own BTF; and linking them for one kernel.
 */
export { configurationBytes } from './configuration.ts';
export * from './contexts.ts';
export { accessOf, KernelNumbers, type Resolved } from './core.ts';
export type { ConfigVariable, ExternSpec } from './extern-spec.ts';
export type { ForeignFunction } from './foreign-function.ts';
export { globalBytes } from './global-values.ts';
export { argumentNames, HookArguments } from './hook-arguments.ts';
export { isDeclared, type KernelFunction, kfunc, kfuncExists } from './kfunc.ts';
export { layoutOf } from './layout-of.ts';
export { type LineOptions, lineRecords } from './line-records.ts';
export {
  type LinkedObject,
  type LinkedProgram,
  type LinkOptions,
  link,
  POISON,
  parseHook,
} from './link.ts';
export {
  clearPadding,
  fillEvent,
  holesOf,
  lossOf,
  output,
  perfOutput,
  reserve,
  ringOutput,
  update,
} from './loss.ts';
export * from './map-spec.ts';
export { isMapType, MAP_TYPES, type MapType, mapTypeOf } from './map-types.ts';
export * from './network-programs.ts';
export { counterName, type ObjectSpec, object } from './object-spec.ts';
export { type ParseObjectOptions, parseObject } from './parse-object.ts';
export * from './program-spec.ts';
export {
  type BtfTarget,
  HOOKS,
  type Hook,
  type HookDefinition,
  type HookType,
  parseSection,
} from './sections.ts';
export { needsTypes } from './special-fields.ts';
export { type KernelOperations, kernelOperations, type Operation } from './struct-ops.ts';
export { type Operations, structOps } from './struct-ops-map.ts';
export { SyscallEnter, SyscallExit } from './syscall-context.ts';
export * from './tracing-programs.ts';
export { TypeInfo } from './type-info.ts';
export { usdtArgument, usdtArgumentCount, usdtCookie, usdtMaps } from './usdt.ts';
export { externOf, relocationOf, visitProgram } from './visit.ts';
export {
  type Architecture,
  NotFoundError,
  RequirementError,
  type TracepointField,
  type World,
} from './world.ts';
