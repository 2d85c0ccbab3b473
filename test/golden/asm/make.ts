/**
 * @module
 * Makes llvm.json and binutils.json: the bytes of every text in test/asm/forms.ts, as said by llvm-mc 19 (Debian:
 * llvm-19) and GNU as for BPF (Debian: binutils-bpf 2.40); printed.json, the bytes that llvm-mc makes of what our own
 * printer says in its syntax; and clang.json, what clang 19 makes of texts.c, as text and as bytes. Run it after a
 * change of the texts or of the printer:
 *
 *     npx tsx test/golden/asm/make.ts
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemble as assembled, print } from '../../../src/asm/index.ts';
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

/** Every form as our printer has it for LLVM. */
const printed = ({ build, choose = true }: (typeof forms)[number]): string =>
  assembled(build(), () => choose)
    .instructions.map((instruction) => print(instruction, { syntax: 'llvm' }))
    .join('\n');

/** What clang writes as text, and the sections that llvm-mc makes of it. */
const saveClang = () => {
  const [source, object] = [join(directory, 'texts.s'), join(directory, 'texts.o')];
  const flags = ['-target', 'bpfel', '-mcpu=v4', '-O2', '-S'];
  execFileSync('clang-19', [...flags, new URL('texts.c', import.meta.url).pathname, '-o', source]);
  execFileSync('llvm-mc-19', ['-triple=bpfel', '-mcpu=v4', '-filetype=obj', source, '-o', object]);
  const names = /^(\.text|xdp|socket|\.data|\.rodata.*)$/;
  const sections = [...sectionsOf(readFileSync(object))].filter(([name]) => names.test(name));
  const json = {
    compiler: `clang, ${version('clang-19', /version \S+/)}`,
    command: `clang-19 ${flags.join(' ')} texts.c`,
    text: readFileSync(source, 'utf8').split('\n'),
    sections: Object.fromEntries(sections),
  };
  writeFileSync(new URL('clang.json', import.meta.url), `${JSON.stringify(json, undefined, 1)}\n`);
};

try {
  save('llvm.json', `llvm-mc, ${version('llvm-mc-19', /LLVM version \S+/)}`, 'llvm-mc-19',
    ['-triple=bpfel', '-mcpu=v4', '-filetype=obj'], forms.map(({ llvm }) => llvm));
  save('printed.json', `llvm-mc, ${version('llvm-mc-19', /LLVM version \S+/)}`, 'llvm-mc-19',
    ['-triple=bpfel', '-mcpu=v4', '-filetype=obj'], forms.map(printed));
  saveClang();
  save('binutils.json', version('bpf-as', /GNU assembler .*/), 'bpf-as', ['-EL'], forms.map(({ gas }) => gas));
} finally {
  rmSync(directory, { recursive: true });
}
