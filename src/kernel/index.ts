/**
 * @module
 * beespoke/kernel: things that live in the kernel and end with close(): objects, maps, programs, links, buffers.
 */
export { Arena } from './arena.ts';
export { type AttachOptions, canAttach, takesOptions } from './attach.ts';
export type { CgroupOptions } from './attach-cgroup.ts';
export type { ExtensionTarget } from './attach-extension.ts';
export type { CgroupOrder } from './attach-iterator.ts';
export type { NetfilterOptions } from './attach-netfilter.ts';
export type { NetnsOptions } from './attach-netns.ts';
export type { PlaceOptions } from './attach-network.ts';
export type { Neighbour, OrderOptions } from './attach-order.ts';
export type { PerfEventName } from './attach-perf-event.ts';
export type { SocketMapOptions, SocketOptions } from './attach-sockets.ts';
export type { NetkitOptions, TcOptions } from './attach-tc.ts';
export type { XdpMode, XdpOptions } from './attach-xdp.ts';
export {
  type AttachedPrograms,
  attachedPrograms,
  type Found,
  type QueryPlace,
} from './attached-programs.ts';
export { EventReader, type ReadOptions } from './event-reader.ts';
export { Globals } from './globals.ts';
export type { IteratorFile } from './iterator-file.ts';
export { kernelBtf } from './kernel-btf.ts';
export { KernelWorld } from './kernel-world.ts';
export { Link } from './link.ts';
export type { LiveMap } from './live-map.ts';
export { LoadedObject, type LoadOptions, type Losses, loadObject } from './load-object.ts';
export { BpfArray, BpfMap, PerCpuArray, PerCpuMap } from './map.ts';
export { createMap, openMap } from './map-create.ts';
export { BloomFilter, BpfQueue } from './map-keyless.ts';
export { CgroupArray, MapOfMaps, ProgArray } from './map-references.ts';
export { StackTraceMap } from './map-stack-trace.ts';
export type { MapSize } from './object-maps.ts';
export { PerfBuffer, type PerfBufferOptions } from './perf-buffer.ts';
export { isInPidNamespace, outerPid } from './pid-namespace.ts';
export { openPinned, pin, unpin } from './pins.ts';
export {
  isProbeKind,
  type ListProbesOptions,
  listProbes,
  PROBE_KINDS,
  type Probe,
  type ProbeArgument,
  type ProbeKind,
  type ProbeList,
  type ProbeSources,
  probeArguments,
} from './probes/index.ts';
export { Program } from './program.ts';
export { RingBuffer, type RingBufferOptions } from './ring-buffer.ts';
export { countRuns } from './run-statistics.ts';
export { type SourceLine, sourceOf } from './sources.ts';
export { StructOps } from './struct-ops.ts';
export { formatFrame, type SymbolFrame, Symbolizer } from './symbolizer.ts';
export type { TraceEvent } from './trace-line.ts';
export { TracePipe } from './trace-pipe.ts';
export { tracefs, tracepointFormat } from './tracefs.ts';
export { VerifierError } from './verifier-error.ts';
export { FEATURES, type Feature } from './without.ts';
