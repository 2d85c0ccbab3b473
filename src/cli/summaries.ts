/**
 * @module
 * What the tools are for, in one line each: for help that loads none of them. A test compares it with the tools.
 */
export const SUMMARIES: Readonly<Record<string, string>> = {
  exitsnoop: 'processes that end: their age, and the code or signal that ended them',
};
