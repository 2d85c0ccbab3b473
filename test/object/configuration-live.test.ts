import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { KernelWorld } from '../../src/kernel/index.ts';
import { configurationBytes } from '../../src/object/index.ts';
import { objectFile } from '../objects/judge.ts';
import { kernel, noBpf } from '../syscall/support.ts';

/** Loads an object for each line of its input, a line of configuration; prints .kconfig in hex, or nothing. */
const SOURCE = `
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int count, char **arguments)
{
	static char line[4096], text[4096];
	libbpf_set_print(NULL);
	while (fgets(line, sizeof(line), stdin)) {
		LIBBPF_OPTS(bpf_object_open_opts, options, .kconfig = line);
		struct bpf_object *object = bpf_object__open_file(arguments[1], &options);
		struct bpf_program *program;
		struct bpf_map *map;
		bpf_object__for_each_program(program, object)
			bpf_program__set_autoload(program, false);
		if (!bpf_object__load(object))
			bpf_object__for_each_map(map, object) {
				unsigned int size = bpf_map__value_size(map), zero = 0;
				unsigned char *value = calloc(1, size);
				if (!strstr(bpf_map__name(map), ".kconfig"))
					continue;
				bpf_map_lookup_elem(bpf_map__fd(map), &zero, value);
				for (unsigned int i = 0; i < size; i++)
					printf("%02x", value[i]);
				free(value);
			}
		printf("\\n");
		bpf_object__close(object);
	}
	return 0;
}
`;

const VALUES = [
  ...[
    'y',
    'n',
    'm',
    'yes',
    'x',
    '0',
    '1',
    '-1',
    '+5',
    '0x10',
    '0X1f',
    '010',
    '08',
    '0x',
    '0x1g',
    '7 ',
  ],
  ...['""', '"abc"', '"open', '"a\\"b"', '"exactly seven"', '"longer than sixteen bytes"'],
  ...['127', '128', '-128', '-129', '255', '256', '32767', '32768', '-32768', '-32769', '65536'],
  ...['4294967295', '4294967296', '-2147483648', '18446744073709551615', '18446744073709551616'],
];

const NAMES = [
  'CONFIG_BPF',
  'CONFIG_BPF_SYSCALL',
  'CONFIG_BPF_JIT',
  'CONFIG_HZ',
  'CONFIG_LOG_BUF_SHIFT',
  'CONFIG_BASE_SMALL',
  'CONFIG_DEFAULT_HOSTNAME',
  'CONFIG_CC_VERSION_TEXT',
];

const noCompiler = spawnSync('cc', ['--version']).status !== 0;

describe.skipIf(noBpf || noCompiler)(kernel('the map .kconfig, as libbpf makes it'), () => {
  it('is the same for every kind of variable and value', () => {
    const folder = mkdtempSync(join(tmpdir(), 'beespoke-'));
    try {
      const file = objectFile('kconfig');
      writeFileSync(join(folder, 'kconfig.c'), SOURCE);
      const program = join(folder, 'kconfig');
      execFileSync('cc', ['-O1', '-w', join(folder, 'kconfig.c'), '-o', program, '-lbpf']);
      const cases = NAMES.flatMap((name) => VALUES.map((value) => [name, value] as const));
      const input = cases.map((each) => `${each.join('=')}\n`).join('');
      const spec = readObject(readFileSync(file));
      // libbpf asks for it by a kprobe, which this kernel may not have.
      const { offset } = spec.config!.find(({ name }) => name === 'LINUX_HAS_SYSCALL_WRAPPER')!;
      const masked = (hex: string) =>
        hex && `${hex.slice(0, 2 * offset)}..${hex.slice(2 * offset + 2)}`;
      const theirs = execFileSync(program, [file], { input, encoding: 'utf8' })
        .split('\n')
        .map(masked);
      const world = new KernelWorld();
      const { size } = spec.maps['.kconfig']!.value as { size: number };
      const ours = cases.map(([given, value]) => {
        try {
          const setting = (name: string) => (name === given ? value : world.configuration(name));
          const bytes = configurationBytes(spec.config!, size, setting);
          return masked(Buffer.from(bytes).toString('hex'));
        } catch {
          return '';
        }
      });
      expect(ours.map((hex, i) => [...cases[i]!, hex])).toEqual(
        cases.map((each, i) => [...each, theirs[i]]),
      );
      expect(ours.filter((hex) => hex === '').length).toBeGreaterThan(100);
      expect(ours.filter((hex) => hex !== '').length).toBeGreaterThan(80);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
