/**
 * @module
 * Makes llvm.json and binutils.json: the bytes of every text in test/asm/forms.ts, as said by llvm-mc 19 (Debian:
 * llvm-19) and GNU as for BPF (Debian: binutils-bpf 2.40). Run it after a change of the texts:
 *
 *     npx tsx test/golden/asm/make.ts
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forms } from '../../asm/forms.ts';

const directory = mkdtempSync(join(tmpdir(), 'beespoke-golden-'));

/** One section of the object for each text, so that relative jumps keep to themselves. */
const assemble = (command: string, args: readonly string[], texts: readonly string[]) => {
  const source = join(directory, 'forms.s');
  const object = join(directory, 'forms.o');
  writeFileSync(source, texts.map((text, i) => `.section .form${i},"ax",@progbits\n${text}\n`).join(''));
  execFileSync(command, [...args, source, '-o', object], { stdio: 'inherit' });
  const sections = sectionsOf(readFileSync(object));
  return Object.fromEntries(texts.map((text, i) => [text, sections.get(`.form${i}`)!]));
};

/** The contents of an ELF file's sections in hexadecimal, by name. */
const sectionsOf = (file: Buffer) => {
  const start = Number(file.readBigUInt64LE(0x28));
  const size = file.readUInt16LE(0x3a);
  const headers = Array.from({ length: file.readUInt16LE(0x3c) }, (_, i) => {
    const at = start + i * size;
    const offset = Number(file.readBigUInt64LE(at + 0x18));
    const length = Number(file.readBigUInt64LE(at + 0x20));
    return { name: file.readUInt32LE(at), bytes: file.subarray(offset, offset + length) };
  });
  const names = headers[file.readUInt16LE(0x3e)]!.bytes;
  return new Map(
    headers.map(({ name, bytes }) => [
      names.toString('latin1', name, names.indexOf(0, name)),
      bytes.toString('hex').replace(/(.{16})(?=.)/g, '$1 '),
    ]),
  );
};

const version = (command: string, pattern: RegExp) =>
  pattern.exec(execFileSync(command, ['--version'], { encoding: 'utf8' }))![0].trim();

const save = (file: string, assembler: string, command: string, args: readonly string[], texts: readonly (string | undefined)[]) => {
  const unique = [...new Set(texts.filter((text) => text !== undefined))];
  const bytes = assemble(command, args, unique);
  const json = { assembler, command: [command, ...args].join(' '), bytes };
  writeFileSync(new URL(file, import.meta.url), `${JSON.stringify(json, undefined, 1)}\n`);
  console.log(`${file}: ${unique.length} texts, ${assembler}`);
};

try {
  save('llvm.json', `llvm-mc, ${version('llvm-mc-19', /LLVM version \S+/)}`, 'llvm-mc-19',
    ['-triple=bpfel', '-mcpu=v4', '-filetype=obj'], forms.map(({ llvm }) => llvm));
  save('binutils.json', version('bpf-as', /GNU assembler .*/), 'bpf-as', ['-EL'], forms.map(({ gas }) => gas));
} finally {
  rmSync(directory, { recursive: true });
}
