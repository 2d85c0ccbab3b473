import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import vm from 'node:vm';
import { type OutputChunk, rolldown } from 'rolldown';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const src = join(root, 'src');

/** The rooms that need no kernel, no file and no native code. `.` is src/index.ts. */
const PURE = ['.', 'layout', 'asm', 'btf', 'object', 'elf', 'sim', 'verifier', 'programs'];

/** Bundles code for the browser, as far as the pure rooms go. What is left to import is listed in the chunk. */
const bundle = async (code: string): Promise<OutputChunk> => {
  const entry = 'virtual:entry.ts';
  const build = await rolldown({
    input: entry,
    platform: 'browser',
    external: [/^node:/, 'koffi'],
    transform: { target: 'es2022' },
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? join(src, 'entry.ts') : null),
        load: (id) => (id === join(src, 'entry.ts') ? code : null),
      },
    ],
  });
  const { output } = await build.generate({ format: 'iife', name: 'bundled', exports: 'named' });
  return output[0];
};

const imports = (room: string) => (room === '.' ? './index.ts' : `./${room}/index.ts`);

describe('the pure rooms', () => {
  it.each(PURE)('%s imports nothing of Node and no native code', async (room) => {
    const chunk = await bundle(`export * from '${imports(room)}';`);
    expect([...chunk.imports, ...chunk.dynamicImports]).toEqual([]);
    const outside = chunk.moduleIds
      .map((id) => relative(src, id))
      .filter((path) => !PURE.includes(roomOf(path)) && path !== 'entry.ts');
    expect(outside).toEqual([]);
  });

  it("compile without Node's types, so that they name neither process nor Buffer", () => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const run = () =>
      execFileSync(process.execPath, [tsc, '-p', 'tsconfig.pure.json'], { cwd: root });
    expect(outputOf(run)).toBe('');
  });

  it('assemble a program where there is nothing but the language and the text codecs', async () => {
    const { code } = await bundle(`
      import { assemble, exit, label, jeq, listing, mov, object, r0, tracepoint, w1 } from './index.ts';
      export const run = () => {
        const out = label('out');
        const body = [mov(w1, 7), jeq(w1, 7, out), mov(r0, 1), exit(), out, mov(r0, 0), exit()];
        const programs = { p: tracepoint('sched/sched_process_exit', body) };
        const spec = object({ license: 'GPL', maps: {}, programs });
        return listing(assemble(spec.programs.p.body).instructions, { lines: false });
      };
    `);
    const context = vm.createContext({ TextDecoder, TextEncoder });
    vm.runInContext(code, context);
    expect(vm.runInContext('bundled.run().join("\\n")', context)).toMatchInlineSnapshot(`
      "   0: (b4) w1 = 7
         1: (16) if w1 == 0x7 goto pc+2
         2: (b7) r0 = 1
         3: (95) exit
         4: (b7) r0 = 0
         5: (95) exit"
    `);
  });
});

/** What a command printed when it failed; '' when it did not. */
const outputOf = (run: () => unknown): string => {
  try {
    run();
    return '';
  } catch (error) {
    return String((error as { stdout?: Buffer }).stdout);
  }
};

/** What each room may import, as in a house: from below. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  layout: [],
  asm: ['layout'],
  btf: ['layout'],
  object: ['layout', 'asm', 'btf'],
  '.': ['layout', 'asm', 'object'],
  elf: ['layout', 'asm', 'btf', 'object'],
  sim: ['layout', 'asm', 'btf', 'object'],
  verifier: ['layout', 'asm', 'btf', 'object'],
  programs: ['.', 'layout', 'asm', 'btf', 'object'],
  syscall: [],
  kernel: ['layout', 'asm', 'btf', 'object', 'elf', 'verifier', 'syscall'],
  testing: ['.', 'layout', 'asm', 'btf', 'object', 'elf', 'sim', 'verifier', 'syscall', 'kernel'],
  cli: [
    '.',
    'layout',
    'asm',
    'btf',
    'object',
    'elf',
    'sim',
    'verifier',
    'syscall',
    'kernel',
    'programs',
  ],
};

const roomOf = (path: string): string => (path.includes('/') ? path.split('/')[0]! : '.');

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) =>
  path.endsWith('.ts'),
);

/** The files that a file imports, types included: `import`, `export … from` and `import()`. */
const importsOf = (path: string): string[] =>
  [
    ...readFileSync(join(src, path), 'utf8').matchAll(
      /^(?:import|export|\} from)\b[^'\n]*'(\.[^']+)';$|\bimport\('(\.[^']+)'\)/gm,
    ),
  ].map(([, direct, lazy]) => relative(src, resolve(src, dirname(path), (direct ?? lazy)!)));

describe('the rooms depend in one direction', () => {
  const graph = new Map(files.map((path) => [path, importsOf(path)]));

  it('finds the imports', () => {
    expect(new Set(graph.get('index.ts'))).toEqual(
      new Set(['asm/index.ts', 'layout/index.ts', 'object/index.ts']),
    );
    expect(graph.get('cli/commands.ts')).toContain('cli/list.ts');
  });

  it('imports only what is below', () => {
    const wrong = files.flatMap((from) =>
      graph
        .get(from)!
        .filter((to) => roomOf(to) !== roomOf(from) && !BELOW[roomOf(from)]?.includes(roomOf(to)))
        .map((to) => `${from} imports ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  it('has an order: nothing is below itself', () => {
    const height = (room: string): number =>
      1 + Math.max(0, ...BELOW[room]!.map((below) => height(below)));
    expect(Object.keys(BELOW).map(height).every(Number.isFinite)).toBe(true);
  });

  it('imports no file in a circle, types aside', () => {
    const circles: string[] = [];
    const done = new Set<string>();
    const visit = (path: string, above: readonly string[]): void => {
      if (above.includes(path))
        circles.push([...above.slice(above.indexOf(path)), path].join(' -> '));
      if (done.has(path) || above.includes(path)) return;
      for (const next of valuesFrom(path)) visit(next, [...above, path]);
      done.add(path);
    };
    for (const path of files) visit(path, []);
    expect(circles).toEqual([]);
  });
});

/** The files that a file imports values of when it is loaded. */
const valuesFrom = (path: string): string[] =>
  [
    ...readFileSync(join(src, path), 'utf8').matchAll(
      /^(?:import|export) (?!type\b)[^;']*?from '(\.[^']+)';$/gm,
    ),
  ].map(([, target]) => relative(src, resolve(src, dirname(path), target!)));
