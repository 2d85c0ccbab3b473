/**
 * @module
 * Where in the TypeScript an instruction was written.
 *
 * `Error.captureStackTrace` costs about 2 microseconds; formatting the trace costs far more, so it waits until an
 * error, a listing or line info asks for it. The formatted string, not the raw call sites, is what tsx, vitest and
 * source maps get right.
 */

/** A stack trace that is formatted when it is first read; or, for code from a file, the line that the file names. */
export interface Site {
  readonly stack?: string;
  readonly source?: Frame;
}

/** A place in a source file. Lines and columns count from 1. */
export interface Frame {
  /** A path, or a file: URL. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The text of the line, where it is known from elsewhere than the file. */
  readonly text?: string | undefined;
}

/** V8's additions to Error. Engines without them get instructions without lines. */
interface Traces {
  captureStackTrace?: (holder: object, above: unknown) => void;
  stackTraceLimit?: number;
}

/** V8's own limit: a user's macros are rarely deeper, and each frame costs 80 ns. */
const FRAMES = 10;

/** The trace from the caller of `mnemonic`, a constructor or macro of the language, on. */
export const callSite = (mnemonic: (...args: never[]) => unknown): Site => {
  const holder: Site = {};
  const traces = Error as Traces;
  const limit = traces.stackTraceLimit;
  if (limit === FRAMES) {
    traces.captureStackTrace?.(holder, mnemonic);
    return holder;
  }
  // Longer traces than the user wants, for the line of each instruction, or shorter ones, as vitest has 100.
  traces.stackTraceLimit = FRAMES;
  traces.captureStackTrace?.(holder, mnemonic);
  if (limit === undefined) delete traces.stackTraceLimit;
  else traces.stackTraceLimit = limit;
  return holder;
};

/** The frames of a site, innermost first. Node's own frames are left out. */
export const framesOf = (site: Site | undefined): readonly Frame[] => {
  if (site?.source) return [site.source];
  const frames: Frame[] = [];
  for (const line of site?.stack?.split('\n') ?? []) {
    const found = /^\s*at (?:.*\()?(.+?):(\d+):(\d+)\)?$/.exec(line);
    if (found && !found[1]!.startsWith('node:')) {
      // Module loaders tell versions of one file apart by a query.
      const file = found[1]!.replace(/^(file:.*?)\?.*$/, '$1');
      frames.push({ file, line: Number(found[2]), column: Number(found[3]) });
    }
  }
  return frames;
};

/**
 * The frames of an instruction that say where it was written: its own line, then, when a macro wrote it, the lines
 * that called the macro. They end where the program itself was being built.
 */
export const ownFrames = (site: Site | undefined, program: Site | undefined): readonly Frame[] => {
  const frames = framesOf(site);
  const around = new Set(framesOf(program).map(keyOf));
  const shared = frames.findIndex((frame) => around.has(keyOf(frame)));
  // At the top level of a module there is nothing around the program: a trace that was not cut is all its own.
  const whole = around.size > 0 && (site?.stack?.split('\n').length ?? 0) <= FRAMES;
  const own = shared === -1 && whole ? frames.length : shared;
  return frames.slice(0, Math.max(1, own));
};

const keyOf = ({ file, line, column }: Frame): string => `${file}:${line}:${column}`;

/** `exitsnoop.ts:31`, for messages. */
export const describeFrame = ({ file, line }: Frame): string =>
  `${file.replace(/^.*[\\/]/, '')}:${line}`;

/** ` (exitsnoop.ts:31)`, or nothing when the line is not known. */
export const at = (site: Site | undefined): string => {
  const [frame] = framesOf(site);
  return frame ? ` (${describeFrame(frame)})` : '';
};

/** A program that cannot be built: the message says what, where, and what to do. */
export class AssemblerError extends Error {
  override readonly name = 'AssemblerError';
  /** Where the offending instruction was written. */
  readonly site: Site | undefined;
  /** The message without that place. */
  readonly reason: string;

  constructor(reason: string, site?: Site) {
    super(reason + at(site));
    this.site = site;
    this.reason = reason;
    // The trace of the error is the trace of the line at fault.
    if (site?.stack)
      this.stack = `${this.name}: ${this.message}\n${site.stack.replace(/^Error.*\n/, '')}`;
  }
}
