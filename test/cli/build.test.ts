import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { ElfFile } from '../../src/elf/index.ts';
import { objectFile } from '../objects/judge.ts';
import { build, root } from '../package/built.ts';
import { beespoke } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'beespoke-build-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);
const output = path('out.o');
afterEach(() => rmSync(output, { force: true }));

const moduleOf = (name: string, text: string): string => {
  writeFileSync(path(name), text);
  return path(name);
};
const language = JSON.stringify(join(root, 'src/index.ts'));
const PROGRAM = `
import { exit, mov, object, r0, socketFilter, tracepoint } from ${language};
const of = (value) => object({ license: 'GPL', programs: { filter: socketFilter([mov(r0, value), exit()]) } });
`;

const programsIn = (file: string): string[] =>
  new ElfFile(readFileSync(file)).symbols.filter(({ type }) => type === 2).map(({ name }) => name);

describe('beespoke build', () => {
  it('writes a tool with its options', () => {
    const { status, stdout, stderr } = beespoke(
      'build',
      'exitsnoop',
      '--failed',
      '-T',
      '--variants',
      '-o',
      output,
    );
    expect([status, stderr]).toEqual([0, '']);
    const { length } = readFileSync(output);
    expect(stdout).toBe(
      `${output}: 3 programs (2 on demand), 1 map, 8 sections, ${length} bytes\n`,
    );
    expect(programsIn(output)).toEqual(['handleExit', 'handleExit__2', 'handleExit__3']);
    const all = beespoke('build', 'exitsnoop', '-o', output);
    expect(all.stdout).toMatch(/ 2 maps, /);
  });

  it('leaves variants out unless it is asked for them, and says what it wrote as JSON', () => {
    const { stdout } = beespoke('build', 'opensnoop', '--json', '-o', output);
    const { programs, sections, maps, bytes, file } = JSON.parse(stdout);
    expect(
      programs.map(({ name, section }: Record<string, string>) => `${name} ${section}`),
    ).toEqual([
      'enterOpen tracepoint/syscalls/sys_enter_open',
      'exitOpen tracepoint/syscalls/sys_exit_open',
      'enterOpenat tracepoint/syscalls/sys_enter_openat',
      'exitOpenat tracepoint/syscalls/sys_exit_openat',
      'enterOpenat2 tracepoint/syscalls/sys_enter_openat2',
      'exitOpenat2 tracepoint/syscalls/sys_exit_openat2',
    ]);
    expect(sections.slice(-5)).toEqual(['license', '.maps', '.bss', '.BTF', '.BTF.ext']);
    expect(maps).toEqual(['events', 'openings', 'scratch']);
    expect([file, bytes]).toEqual([output, readFileSync(output).length]);
  });

  it.each([
    ['an object', 'default.mjs', `${PROGRAM} export default of(1);`, []],
    ['a function', 'function.mjs', `${PROGRAM} export default () => of(2);`, []],
    [
      'the only object',
      'only.mjs',
      `${PROGRAM} export const text = 'x'; export const one = of(3);`,
      [],
    ],
    [
      'what it is told',
      'named.ts',
      `${PROGRAM} export const a = () => of(4), b: number = 5;`,
      ['--export', 'a'],
    ],
  ])('writes %s that a module exports', (_, name, text, options) => {
    const result = beespoke('build', moduleOf(name, text), ...options, '-o', output);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(programsIn(output)).toEqual(['filter']);
  });

  const refused = (...args: readonly string[]): string => {
    const { status, stdout, stderr } = beespoke('build', ...args);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^beespoke: [^\n]+\n$/);
    return `${status} ${stderr.slice('beespoke: '.length, -1)}`;
  };

  it('links object files', () => {
    const [one, two] = ['linked-one', 'linked-two'].map(objectFile) as [string, string];
    const { status, stdout } = beespoke('build', one, two, '-o', output);
    expect([status, stdout]).toEqual([
      0,
      `${output}: 3 programs, 1 map, 9 sections, ${readFileSync(output).length} bytes\n`,
    ]);
    expect(programsIn(output)).toContain('program_three');
    expect(JSON.parse(beespoke('build', output, '--json', '-o', output).stdout)).toMatchObject({
      file: output,
      maps: ['shared_counts'],
    });

    const out = readFileSync(output);
    expect(refused(one, 'exitsnoop', '-o', output)).toBe(
      '2 only object files can be linked, got "exitsnoop"',
    );
    expect(refused(one, two)).toBe(`2 say where to write it: build ${one} ${two} -o FILE`);
    expect(refused(one, path('none.o'), '-o', output)).toBe(`1 there is no file ${path('none.o')}`);
    expect(refused(one, one, '-o', output)).toBe(
      `1 ${one} and ${one} both define function_of_one: make one of them static or __weak`,
    );
    expect(readFileSync(output)).toEqual(out);
  });

  it('says what is wrong with a command line or a module', () => {
    expect(refused('nosuchtool', '-o', output)).toMatch(
      /^2 there is no tool "nosuchtool" \(.*exitsnoop.*\), a module ends in \.ts, \.js, \.mts or \.mjs, and an object file in \.o$/,
    );
    expect(refused('exitsnoop')).toBe('2 say where to write it: build exitsnoop -o FILE');
    expect(refused('-o', output, 'exitsnoop')).toBe(
      '2 build takes a tool or a module first, got "-o"',
    );
    expect(refused('exitsnoop', '--nonsense', '-o', output)).toMatch(/^2 unknown option/);
    expect(refused(path('none.ts'), '-o', output)).toBe(`1 there is no file ${path('none.ts')}`);
    const two = moduleOf('two.mjs', `${PROGRAM} export const a = of(1), b = of(2);`);
    expect(refused(two, '-o', output)).toBe(
      `1 ${two} has no default export, and 2 objects: say which with --export NAME; it exports a, b`,
    );
    expect(refused(two, '--export', 'c', '-o', output)).toBe(
      `1 ${two} has no export c, no object() and no function that returns one; it exports a, b`,
    );
    const number = moduleOf('number.mjs', 'export default 7;');
    expect(refused(number, '-o', output)).toBe(
      `1 ${number} exports default, which is no object() and no function that returns one; it exports default`,
    );
    const broken = moduleOf('broken.mjs', 'throw new Error("not today");');
    expect(refused(broken, '-o', output)).toBe(`1 cannot load ${broken}: not today`);
    expect(readdirSync(folder)).not.toContain('out.o');
  });

  it('names the line of what a file cannot say', () => {
    const asks = moduleOf(
      'asks.mjs',
      `import { either, exit, hookExists, mov, object, r0, r6, socketFilter } from ${language};
       const body = [either(hookExists('fentry/vfs_read'), mov(r6, 1)), mov(r0, 0), exit()];
       export default object({ license: 'GPL', programs: { run: socketFilter(body) } });`,
    );
    expect(refused(asks, '-o', output)).toMatch(
      /^1 run asks whether there is a hook fentry\/vfs_read: /,
    );
  });

  it('replaces regular files only, through links, and leaves nothing half-written', () => {
    const before = path('before.o');
    writeFileSync(before, 'old');
    const link = path('link.o');
    symlinkSync(before, link);
    expect(beespoke('build', 'hello', '-o', link).status).toBe(0);
    expect(programsIn(before)).toEqual(['hello']);

    const directory = path('directory');
    mkdirSync(directory);
    expect(refused('hello', '-o', directory)).toBe(
      `1 cannot write ${directory}: it is a directory`,
    );
    expect(refused('hello', '-o', '/dev/null')).toBe(
      '1 cannot write /dev/null: it is no regular file',
    );
    const nowhere = path('nowhere/out.o');
    expect(refused('hello', '-o', nowhere)).toBe(
      `1 cannot write ${nowhere}: there is no folder ${path('nowhere')}`,
    );
    expect(refused('hello', '-o', '/proc/out.o')).toMatch(/^1 cannot write \/proc\/out\.o: /);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('prints help', () => {
    const { status, stdout } = beespoke('build', '--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^beespoke build TOOL -o FILE /);
    expect(beespoke('build').status).toBe(2);
  });
});

describe('the package', () => {
  it('builds what a module makes with it, and names the source of tools', () => {
    const built = build();
    try {
      // As if it were installed: a module finds the copy that the command is part of.
      const modules = join(folder, 'node_modules');
      mkdirSync(modules);
      symlinkSync(built.directory, join(modules, 'beespoke'));
      const own = moduleOf(
        'own.mjs',
        `${PROGRAM.replace(language, "'beespoke'")}export default of(1);`,
      );
      const run = (...args: readonly string[]) =>
        spawnSync(process.execPath, [built.main, 'build', ...args], {
          encoding: 'utf8',
          cwd: folder,
        });
      expect(run(own, '-o', output)).toMatchObject({ status: 0, stderr: '' });
      expect(programsIn(output)).toEqual(['filter']);
      const gone = `mkdir gone && cd gone && rmdir ../gone && exec "$@"`;
      const words = [process.execPath, built.main, 'build', 'hello', '-o', output];
      const away = spawnSync('sh', ['-c', gone, 'sh', ...words], { encoding: 'utf8', cwd: folder });
      expect(away).toMatchObject({ status: 0, stderr: '' });
      expect(run('exitsnoop', '-o', output)).toMatchObject({ status: 0, stderr: '' });
      const strings = new TextDecoder('latin1').decode(
        new ElfFile(readFileSync(output)).section('.BTF')!.data,
      );
      expect(strings).toContain('programs/exitsnoop.ts\0');
      expect(strings).not.toMatch(/\.c?js\0/);
      if (Number(process.versions.node.split('.')[0]) < 22) {
        const typed = moduleOf('typed.ts', 'export default 1 as number;');
        const { status, stderr } = run(typed, '-o', output);
        expect([status, stderr]).toEqual([
          1,
          `beespoke: Node ${process.versions.node} does not load TypeScript (${typed}): use Node 22.18 or newer, or \`npm install tsx\` and NODE_OPTIONS='--import tsx'\n`,
        ]);
      }
    } finally {
      built.remove();
    }
  });
});
