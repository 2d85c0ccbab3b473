import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isLinkedWithGlibc, KOFFI_VERSION, loadBinary } from '../../src/syscall/koffi.ts';

const root = join(import.meta.dirname, '../..');
const require = createRequire(join(root, 'package.json'));
const directory = mkdtempSync(join(tmpdir(), 'beespoke-koffi-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** A `require` that finds one package only. */
const finding = (found: unknown): NodeJS.Require =>
  Object.assign(() => {
    if (found === undefined) throw new Error("Cannot find module '@koromix/koffi'");
    return found;
  }, require) as NodeJS.Require;

/** Whether this Node is linked with glibc, as it says itself. */
const { glibcVersionRuntime } = (
  process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
).header;

describe("koffi's binary", () => {
  it('is asked for in the version that package.json pins', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(dependencies.koffi).toBe(KOFFI_VERSION);
  });

  it.skipIf(glibcVersionRuntime === undefined)('is the one that the package finds', () => {
    const binary = loadBinary(require)!;
    expect(binary.version).toBe(KOFFI_VERSION);
    expect(require('koffi').default).toBe(binary);
  });

  it('is left to the package when it is not there', () => {
    expect(loadBinary(finding(undefined))).toBeUndefined();
  });

  it('is left to the package when another version is there', () => {
    expect(loadBinary(finding({ version: '2.9.0' }))).toBeUndefined();
  });
});

describe('the libc of a program', () => {
  it('is told as Node tells its own', () => {
    expect(isLinkedWithGlibc(process.execPath)).toBe(glibcVersionRuntime !== undefined);
  });

  it('is not glibc where musl loads it', () => {
    const interpreter = '/lib/ld-musl-x86_64.so.1';
    const source = join(directory, 'musl.s');
    const program = join(directory, 'musl');
    writeFileSync(source, '.globl _start\n_start: ret\n');
    const flags = ['-nostdlib', '-pie', `-Wl,--dynamic-linker=${interpreter}`];
    execFileSync('gcc', [...flags, source, '-o', program]);
    expect(readFileSync(program).includes(interpreter)).toBe(true);
    expect(isLinkedWithGlibc(program)).toBe(false);
  });
});
