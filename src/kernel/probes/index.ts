/**
 * @module
 * Probes: what programs can be attached to.
 */
export { probeArguments } from './arguments.ts';
export { type ListProbesOptions, listProbes, type ProbeList } from './list.ts';
export {
  isProbeKind,
  PROBE_KINDS,
  type Probe,
  type ProbeArgument,
  type ProbeKind,
} from './probe.ts';
export type { ProbeSources } from './sources.ts';
