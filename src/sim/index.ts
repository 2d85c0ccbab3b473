/**
 * @module
 * The user-space machine: runs programs of the language and of object files where there is no kernel to ask.
 */
export type { GivenContext } from './context.ts';
export type { Callback, Calling, Engine, Environment, HelperResult, TailCall } from './engine.ts';
export { SimulationFault } from './fault.ts';
export { type HelperFunction, mapIn, readable, writable } from './helper.ts';
export type { KernelMemory, Mock, MockValue } from './kernel-memory.ts';
export { Machine } from './machine.ts';
export { SimulatedArray, SimulatedPerCpuArray } from './maps/array.ts';
export type { SimulatedMapOf } from './maps/create.ts';
export { SimulatedGlobals } from './maps/globals.ts';
export { SimulatedHash, SimulatedPerCpuHash } from './maps/hash.ts';
export { SimulatedLpmTrie } from './maps/lpm.ts';
export { SimulatedMap } from './maps/map.ts';
export { SimulatedBloom, SimulatedQueue } from './maps/queue.ts';
export { SimulatedDevices, SimulatedReferences } from './maps/references.ts';
export { SimulatedPerf, SimulatedRing } from './maps/ring.ts';
export { SimulatedStacks } from './maps/stack-trace.ts';
export { SimulatedStorage } from './maps/storage.ts';
export type { Region, RegionKind } from './memory.ts';
export {
  type RunOptions,
  type RunResult,
  SimulatedProgram,
  type Step,
  type StepOptions,
} from './program.ts';
export type { Registers } from './registers.ts';
export { objectOf, type SimulateOptions, Simulation, simulate } from './simulate.ts';
export type { CurrentTask } from './task.ts';
export { formatTrace, type MemoryAccess, type TraceEntry, trace } from './trace.ts';
export type { UserMemory } from './user-memory.ts';
export type { Watcher } from './watched.ts';
export type { SimulatedWorld } from './world.ts';
