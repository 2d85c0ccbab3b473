/**
 * From the bytes of vmlinux to the first CO-RE answer, and to an index of all names: the first time in a process, and
 * warm. cilium/ebpf parses the same in 6.4 ms and libbpf in 1.9 (figures of other runs: neither is called here).
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Btf, BtfBuilder, CoreResolver } from '../src/btf/index.ts';
import { mapFile } from '../src/syscall/index.ts';
import { median, milliseconds, rounds, row } from './report.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';

const firstAnswer = (bytes: Uint8Array): void => {
  const builder = new BtfBuilder();
  const int = builder.int('int', 4, 'signed');
  const typeId = builder.struct('task_struct', 4, [{ name: 'exit_code', type: int, bitOffset: 0 }]);
  const { poison } = new CoreResolver(builder.build(), new Btf(bytes)).resolve({
    kind: 'field_byte_offset',
    typeId,
    access: '0:0',
  });
  if (poison) throw new Error('task_struct has no exit_code');
};

const index = (bytes: Uint8Array): void => new Btf(bytes).index();

if (!existsSync(VMLINUX)) {
  console.log(`skipped: there is no ${VMLINUX}`);
} else if (process.env.BENCH_COLD) {
  const { bytes } = mapFile(VMLINUX);
  const run = process.env.BENCH_COLD === 'index' ? index : firstAnswer;
  console.log(milliseconds(() => run(bytes)));
} else {
  const { bytes } = mapFile(VMLINUX);
  const self = fileURLToPath(import.meta.url);
  const cold = (what: string): number =>
    median(
      Array.from({ length: rounds(15) }, () =>
        Number(
          spawnSync(process.execPath, [self], {
            env: { ...process.env, BENCH_COLD: what },
            encoding: 'utf8',
          }).stdout,
        ),
      ),
    );
  const warm = (run: (bytes: Uint8Array) => void): number => {
    const values = Array.from({ length: rounds(60) }, () => milliseconds(() => run(bytes)));
    return median(values.slice(Math.floor(values.length / 2)));
  };
  row('first CO-RE answer, cold', cold('answer'), 'ms');
  row('first CO-RE answer, warm', warm(firstAnswer), 'ms', { goal: 'under 4 ms' });
  row('index of all names, cold', cold('index'), 'ms');
  row('index of all names, warm', warm(index), 'ms', { goal: 'under 4 ms' });
}
