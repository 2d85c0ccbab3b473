/**
 * @module
 * beespoke/programs: the tools as data, and what their events hold.
 */
export { ExitEvent, exitsnoop } from './exitsnoop.ts';
export { hardirqs } from './hardirqs.ts';
export { hello } from './hello.ts';
export { HelloEvent, helloPerf } from './hello-perf.ts';
export { log2Histogram } from './histogram.ts';
export { OpenEvent, opensnoop } from './opensnoop.ts';
export { runqslower, WaitEvent } from './runqslower.ts';
export * from './tool.ts';
