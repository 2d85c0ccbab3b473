/** What the tests of printed C share: gcc as the judge of what compiles and of where fields are. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Btf, BtfComposite } from '../../src/btf/index.ts';

export const hasGcc = spawnSync('gcc', ['--version']).status === 0;

const CHECKS = `
#define SIZE(T, n) _Static_assert(sizeof(T) == n, "sizeof " #T);
#define FIELD(T, f, at, n) \\
  _Static_assert(__builtin_offsetof(T, f) == at, "offset of " #T "." #f); \\
  _Static_assert(sizeof(((T *)0)->f) == n, "sizeof " #T "." #f);
static int check_bits(const unsigned char *bytes, unsigned long size, unsigned long at, unsigned long n) {
  for (unsigned long i = 0; i < size * 8; i++)
    if ((bytes[i / 8] >> i % 8 & 1) != (i >= at && i < at + n)) return 1;
  return 0;
}
#define BITS(T, f, at, n) { \\
  static union { T s; unsigned char bytes[sizeof(T)]; } u; \\
  __builtin_memset(&u, 0, sizeof u); \\
  u.s.f = -1; \\
  if (check_bits(u.bytes, sizeof u.bytes, at, n)) { __builtin_puts(#T "." #f); wrong = 1; } \\
}
`;

/** One check in C for the size, and one for each field, those of unnamed structs and unions included. */
export const checksOf = (btf: Btf, composite: BtfComposite): string[] => {
  const name = `${composite.kind} ${composite.name}`;
  const visit = ({ members }: BtfComposite, base: number): string[] =>
    members.flatMap((member) => {
      const at = base + member.bitOffset;
      const type = btf.resolve(member.type);
      if (member.name === '') {
        return type.kind === 'struct' || type.kind === 'union' ? visit(type, at) : [];
      }
      if (member.bitSize === 0) {
        return [`FIELD(${name}, ${member.name}, ${at / 8}, ${btf.sizeOf(member.type)})`];
      }
      // The check assigns, so it leaves out what is const.
      const isConst = btf.type(member.type).kind === 'const';
      return isConst ? [] : [`BITS(${name}, ${member.name}, ${at}, ${member.bitSize})`];
    });
  return [`SIZE(${name}, ${composite.size})`, ...visit(composite, 0)];
};

const inFolder = <T>(use: (folder: string) => T): T => {
  const folder = mkdtempSync(join(tmpdir(), 'btf-c-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

const run = (command: string, args: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const text = `${stdout}${stderr}`.split('\n').slice(0, 20).join('\n');
  return status === 0 ? text : text || `${command} ended with ${status}`;
};

/** What gcc has to say of declarations. */
export const compileC = (text: string, flags: readonly string[] = []): string =>
  inFolder((folder) => {
    const source = join(folder, 'types.c');
    writeFileSync(source, text);
    return run('gcc', [...flags, '-c', source, '-o', join(folder, 'types.o')]);
  });

/** Compiles declarations with checks, and runs those; what is wrong. */
export const checkC = (text: string, checks: readonly string[]): string =>
  inFolder((folder) => {
    const source = join(folder, 'check.c');
    const program = join(folder, 'check');
    writeFileSync(
      source,
      `${text}${CHECKS}int main(void) {\nint wrong = 0;\n${checks.join('\n')}\nreturn wrong;\n}\n`,
    );
    return run('gcc', ['-w', source, '-o', program]) || run(program, []);
  });
