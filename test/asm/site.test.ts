/**
 * @module
 * Where instructions say that they come from: under vitest here, under tsx and plain Node in processes of their own.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import {
  AssemblerError,
  assemble,
  type Code,
  callSite,
  coreRead,
  describeFrame,
  exit,
  framesOf,
  type Instruction,
  mov,
  ownFrames,
  r0,
  r1,
  r6,
  r10,
  type Site,
  w1,
} from '../../src/asm/index.ts';
import { i32, kernelStruct } from '../../src/layout/index.ts';
import { fourTimes, twice, zero } from './site-macros.ts';

const line = (): number => framesOf(callSite(line))[0]!.line;

const instructionsOf = (body: Code): readonly Instruction[] =>
  assemble([body, exit()], () => true).instructions.slice(0, -1);

/** A constructor of programs, as object/ has them. */
const program = (body: Code): { readonly body: Code; readonly site: Site } => ({
  body,
  site: callSite(program),
});
const lines = ({ body, site }: ReturnType<typeof program>): string[][] =>
  instructionsOf(body).map((each) => ownFrames(each.site, site).map(describeFrame));

describe('an instruction', () => {
  it('comes from the line that wrote it', () => {
    const build = () => program([mov(r0, 1), mov(r1, 2)]);
    const here = line() - 1;
    expect(lines(build())).toEqual([[`site.test.ts:${here}`], [`site.test.ts:${here}`]]);
    const [first] = framesOf(instructionsOf(build().body)[0]!.site);
    expect(first!.file).toMatch(/test\/asm\/site\.test\.ts$/);
    expect(first!.column).toBeGreaterThan(20);
  });

  it('of a user macro shows both lines, and all of them when macros call macros', () => {
    const here = line() + 1;
    const build = () => program([twice(r6), fourTimes(r6)]);
    const own = `site.test.ts:${here}`;
    expect(lines(build())).toEqual([
      ['site-macros.ts:9', own],
      ['site-macros.ts:9', 'site-macros.ts:13', own],
      ['site-macros.ts:9', 'site-macros.ts:14', own],
    ]);
  });

  it('of a library macro shows the line of the user', () => {
    const Task = kernelStruct('task_struct', { tgid: i32 });
    const here = line() + 1;
    const build = () => program([zero(r6), coreRead(w1, Task.at(r6).tgid)]);
    expect(new Set(lines(build()).flat())).toEqual(new Set([`site.test.ts:${here}`]));
  });

  it('has no lines without a site', () => {
    expect([framesOf(undefined), ownFrames(undefined, undefined)]).toEqual([[], []]);
  });
});

describe('short traces', () => {
  const before = Error.stackTraceLimit;
  afterEach(() => {
    Error.stackTraceLimit = before;
  });

  it.each([0, 1, 2, 5, Number.POSITIVE_INFINITY])(
    'of %d frames, which a user sets, change no line',
    (limit) => {
      Error.stackTraceLimit = limit;
      const here = line() + 1;
      const build = () => program([twice(r6), mov(r0, 1)]);
      expect(lines(build())).toEqual([
        ['site-macros.ts:9', `site.test.ts:${here}`],
        [`site.test.ts:${here}`],
      ]);
      expect(Error.stackTraceLimit).toBe(limit);
      expect(() => mov(r10, 1)).toThrow(`(site.test.ts:${line()})`);
    },
  );

  it('that were deleted altogether stay so', () => {
    delete (Error as { stackTraceLimit?: number }).stackTraceLimit;
    const here = line();
    expect(here).toBeGreaterThan(0);
    expect('stackTraceLimit' in Error).toBe(false);
  });
});

describe('an error', () => {
  it('has the trace of the line at fault', () => {
    let error: unknown;
    try {
      mov(r10, 1);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(AssemblerError);
    expect((error as Error).stack).toMatch(
      /^AssemblerError: mov r10: r10, the frame pointer, is read-only \(site\.test\.ts:\d+\)\n {4}at .*site\.test\.ts/,
    );
  });
});

describe('frames', () => {
  it('are read from the traces of files, URLs, functions and evaluated modules', () => {
    const stack = [
      'Error',
      '    at handler (/home/me/my tools/exit snoop.ts:31:9)',
      '    at file:///home/me/exitsnoop.js?v=2:7:3',
      '    at async Promise.all (index 0)',
      '    at new Thing (C:\\work\\thing.ts:5:1)',
      '    at Module._compile (node:internal/modules/cjs/loader:1554:14)',
      '    at <anonymous>',
    ].join('\n');
    expect(framesOf({ stack }).map(describeFrame)).toEqual([
      'exit snoop.ts:31',
      'exitsnoop.js:7',
      'thing.ts:5',
    ]);
  });
});

describe('in other processes', () => {
  const script = fileURLToPath(new URL('./site-script.ts', import.meta.url));

  it('lines are right under tsx, at the top level of a module too', () => {
    const loader = new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href;
    const out = execFileSync(process.execPath, ['--import', loader, script], { encoding: 'utf8' });
    expect(JSON.parse(out)).toEqual({
      own: [['site-macros.ts:9', 'site-script.ts:21'], ['site-script.ts:22']],
      message: 'mov r10: r10, the frame pointer, is read-only (site-script.ts:29)',
    });
  });
});
