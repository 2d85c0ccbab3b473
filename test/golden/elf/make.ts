/**
 * Makes objects.json: small ELF files of both classes and byte orders, and what llvm-readobj says of them. Run by hand:
 * `npx tsx test/golden/elf/make.ts`. It needs clang-19, llvm-readobj-19, gcc and binutils; the tests need only
 * objects.json.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const here = import.meta.dirname;
const work = mkdtempSync(join(tmpdir(), 'elf-golden-'));
const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd: here, encoding: 'utf8' });

interface Named {
  readonly Name: string;
  readonly Value: number;
}
interface Shown {
  readonly ElfHeader: { readonly Machine: Named; readonly Flags: { readonly Value: number } };
  readonly Sections: readonly {
    readonly Section: Readonly<Record<string, number>> & {
      readonly Name: Named;
      readonly Type: Named;
      readonly Flags: { readonly Value: number };
    };
  }[];
  readonly Symbols: readonly {
    readonly Symbol: {
      readonly Name: Named;
      readonly Value: number;
      readonly Size: number;
      readonly Binding: Named;
      readonly Type: Named;
      readonly Other: { readonly Value: number };
      readonly Section: Named;
    };
  }[];
  readonly Relocations: readonly {
    readonly SectionIndex: number;
    readonly Relocs: readonly {
      readonly Relocation: {
        readonly Offset: number;
        readonly Type: Named;
        readonly Symbol: Named;
        readonly Addend?: number;
      };
    }[];
  }[];
  readonly ProgramHeaders: readonly {
    readonly ProgramHeader: Readonly<Record<string, number>> & {
      readonly Type: Named;
      readonly Flags: { readonly Value: number };
    };
  }[];
}

/** What the reader should find, in the words of llvm-readobj. */
const shown = (file: string) => {
  const all = ['--file-header', '--sections', '--symbols', '--relocations', '--program-headers'];
  const [it] = JSON.parse(run('llvm-readobj-19', '--elf-output-style=JSON', ...all, file)) as Shown[];
  return {
    machine: it!.ElfHeader.Machine.Value,
    flags: it!.ElfHeader.Flags.Value,
    sections: it!.Sections.map(({ Section }) => ({
      index: Section.Index,
      name: Section.Name.Name,
      type: Section.Type.Value,
      flags: Section.Flags.Value,
      address: Section.Address,
      offset: Section.Offset,
      size: Section.Size,
      link: Section.Link,
      info: Section.Info,
      align: Section.AddressAlignment,
      entrySize: Section.EntrySize,
    })),
    segments: it!.ProgramHeaders.map(({ ProgramHeader }) => ({
      type: ProgramHeader.Type.Value,
      flags: ProgramHeader.Flags.Value,
      offset: ProgramHeader.Offset,
      address: ProgramHeader.VirtualAddress,
      size: ProgramHeader.FileSize,
      memorySize: ProgramHeader.MemSize,
      align: ProgramHeader.Alignment,
    })),
    symbols: it!.Symbols.map(({ Symbol: each }) => ({
      // It calls sections' own symbols after their sections; in the file they have no name.
      name: each.Name.Value === 0 ? '' : each.Name.Name,
      value: each.Value,
      size: each.Size,
      binding: each.Binding.Value,
      type: each.Type.Value,
      visibility: each.Other.Value,
      section: each.Section.Value,
    })),
    // By the relocation section, with the indexes of symbols.
    relocations: it!.Relocations.map(({ SectionIndex, Relocs }) => ({
      table: SectionIndex,
      entries: Relocs.map(({ Relocation: each }) => ({
        offset: each.Offset,
        type: each.Type.Value,
        symbol: each.Symbol.Value,
        addend: each.Addend ?? null,
      })),
    })),
  };
};

const golden = (file: string, command: string) => ({
  command,
  ...shown(file),
  bytes: readFileSync(file).toString('base64'),
});

/** Compiles step.c for a target. */
const object = (target: string) => {
  const file = join(work, `${target}.o`);
  const args = [`--target=${target}`, '-O2', '-c', 'step.c'];
  run('clang-19', ...args, '-o', file);
  return golden(file, `clang-19 ${args.join(' ')}`);
};

const executable = () => {
  const file = join(work, 'probe');
  const linker = ['-Wl,--build-id=sha1', '-Wl,-z,noseparate-code', '-Wl,-z,max-page-size=512'];
  const args = ['-nostdlib', '-static', '-O1', '-fcf-protection=none', ...linker, 'probe.c'];
  run('gcc', ...args, '-o', file);
  return golden(file, `gcc ${args.join(' ')}`);
};

try {
  const files = {
    'bpf, 64 bits, little-endian': object('bpfel'),
    'bpf, 64 bits, big-endian': object('bpfeb'),
    'arm, 32 bits, little-endian': object('armv7-none-eabi'),
    'powerpc, 32 bits, big-endian': object('powerpc-none-elf'),
    'powerpc, 64 bits, big-endian': object('powerpc64-none-elf'),
    'arm64, 64 bits, little-endian': object('aarch64-linux-gnu'),
    'an x86-64 executable': executable(),
  };
  writeFileSync(join(here, 'objects.json'), `${JSON.stringify(files, null, 1)}\n`);
} finally {
  rmSync(work, { recursive: true });
}
