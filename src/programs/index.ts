/**
 * @module
 * beespoke/programs: the tools as data, and what their events hold.
 */
export { bashreadline, ReadlineEvent } from './bashreadline.ts';
export { ExitEvent, exitsnoop } from './exitsnoop.ts';
export { funccount } from './funccount.ts';
export { hardirqs } from './hardirqs.ts';
export { hello } from './hello.ts';
export { HelloEvent, helloPerf } from './hello-perf.ts';
export { log2Histogram } from './histogram.ts';
export { OpenEvent, opensnoop } from './opensnoop.ts';
export { runqslower, WaitEvent } from './runqslower.ts';
export type * from './system.ts';
export * from './tool.ts';
export { traceUsdt } from './trace-usdt.ts';
export { UnlinkEvent, unlinksnoop } from './unlinksnoop.ts';
