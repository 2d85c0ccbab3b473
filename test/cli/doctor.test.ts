import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { helperById } from '../../src/asm/index.ts';
import { run as doctor } from '../../src/cli/doctor.ts';
import { run as list } from '../../src/cli/list.ts';
import { toolNames } from '../../src/cli/tools.ts';
import { kernelBtf } from '../../src/kernel/index.ts';
import { build } from '../package/built.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { beespoke, commandOf, type Ended, objects } from './support.ts';

interface Finding {
  readonly topic: string;
  readonly name: string;
  readonly state: 'yes' | 'no' | 'unknown';
  readonly value?: string | number | boolean;
  readonly advice?: string;
  readonly programTypes?: readonly string[];
}

const scratch = mkdtempSync(join(tmpdir(), 'beespoke-doctor-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** What a command prints, in this process. */
const printed = async (
  command: (args: readonly string[]) => Promise<number>,
  ...args: readonly string[]
): Promise<string> => {
  let stdout = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  try {
    expect(await command(args)).toBe(0);
    return stdout;
  } finally {
    write.mockRestore();
  }
};

describe.skipIf(noBpf)(kernel('doctor'), () => {
  let ended: Ended;
  let findings: readonly Finding[];
  beforeAll(() => {
    ended = beespoke('doctor', '--json', '--verbose');
    findings = objects(ended);
  }, 120_000);
  const of = (topic: string): readonly Finding[] => findings.filter((each) => each.topic === topic);
  const stateOf = (topic: string, name: string) =>
    of(topic).find((each) => each.name === name)?.state;

  it('ends well, and says what to do about all that is missing', () => {
    expect({ status: ended.status, stderr: ended.stderr }).toEqual({ status: 0, stderr: '' });
    for (const { topic, name, state, advice } of findings) {
      if (state === 'yes') expect([topic, name, advice]).toEqual([topic, name, undefined]);
      else expect([topic, name, advice]).toEqual([topic, name, expect.stringMatching(/\S{2} \S/)]);
    }
  });

  it('reads settings as they are in /proc', () => {
    const setting = (path: string) => readFileSync(`/proc/sys/${path}`, 'utf8').trim();
    const value = (topic: string, name: string) =>
      String(of(topic).find((each) => each.name === name)?.value);
    expect(value('jit', 'net.core.bpf_jit_enable')).toBe(setting('net/core/bpf_jit_enable'));
    expect(value('jit', 'net.core.bpf_jit_harden')).toBe(setting('net/core/bpf_jit_harden'));
    for (const name of ['unprivileged_bpf_disabled', 'perf_event_paranoid', 'kptr_restrict'])
      expect(value('settings', `kernel.${name}`)).toBe(setting(`kernel/${name}`));
    expect(value('types', 'vmlinux')).toBe(String(kernelBtf()!.typeCount));
    expect(value('kernel', 'release')).toBe(
      execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim(),
    );
  });

  it('says of every tool what list says', async () => {
    const stdout = await printed(list, '--json');
    const listed = objects({ status: 0, stdout, stderr: '' }) as { name: string; runs: boolean }[];
    expect(of('tools').map(({ name }) => name)).toEqual(toolNames());
    expect(of('tools').map(({ name, state }) => ({ name, runs: state === 'yes' }))).toEqual(
      listed.map(({ name, runs }) => ({ name, runs })),
    );
  });

  it('fits on a screen, and names all with --verbose', async () => {
    const brief = (await printed(doctor)).trimEnd().split('\n');
    expect(brief.length).toBeLessThan(50);
    expect(Math.max(...brief.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(brief[0]).toMatch(/^kernel {9}Linux \d+\.\d+/);
    const verbose = await printed(doctor, '--verbose');
    for (const { name, state } of findings)
      expect(verbose).toContain(`\n  ${state.padEnd(8)}${name}`);
  });

  describe('against bpftool feature probe', () => {
    let probed: {
      readonly system_config: Readonly<Record<string, string | number | null>>;
      readonly program_types: Readonly<Record<string, boolean>>;
      readonly map_types: Readonly<Record<string, boolean>>;
      readonly helpers: Readonly<Record<string, readonly string[]>>;
    };
    beforeAll(() => {
      const args = ['-j', 'feature', 'probe', 'full'];
      probed = JSON.parse(execFileSync('bpftool', args, { encoding: 'utf8' }));
    });

    it('has the same options of the kernel', () => {
      for (const { name, value } of of('configuration')) {
        const expected = probed.system_config[name];
        if (expected !== undefined) expect([name, value]).toEqual([name, expected ?? undefined]);
      }
    });

    it('has the same types of programs', () => {
      const differs: string[] = [];
      for (const [key, has] of Object.entries(probed.program_types)) {
        const name = /^have_(\w+)_prog_type$/.exec(key)![1]!;
        if ((stateOf('program types', name) === 'yes') !== has) differs.push(name);
      }
      // bpftool asks of tracing programs only whether fentry can be loaded, and not for tp_btf or iterators.
      const onlyFentry =
        stateOf('attaching', 'fentry') !== 'yes' && stateOf('attaching', 'tp_btf') === 'yes';
      expect(differs).toEqual(onlyFentry ? ['tracing'] : []);
    });

    it('has the same types of maps', () => {
      for (const [key, has] of Object.entries(probed.map_types)) {
        const name = /^have_(\w+)_map_type$/.exec(key)![1]!;
        expect([name, stateOf('map types', name)]).toEqual([name, has ? 'yes' : 'no']);
      }
    });

    it('has no helper that bpftool does not find', () => {
      // The other way round it does not hold: bpftool 7.1 does not know the words in which newer kernels refuse
      // a helper ("program of this type cannot use helper"), and takes them for a yes.
      for (const [key, names] of Object.entries(probed.helpers)) {
        const type = /^(\w+)_available_helpers$/.exec(key)![1]!;
        if (names.length === 0) continue;
        const ours = of('helpers').filter(({ programTypes }) => programTypes!.includes(type));
        const known = new Set([...names, ...LATER.map((name) => `bpf_${name}`)]);
        const more = ours.map(({ name }) => `bpf_${name}`).filter((name) => !known.has(name));
        expect([type, more]).toEqual([type, []]);
      }
    });
  });

  it('has the helpers that a program in C finds by the header of the kernel', () => {
    const judge = join(scratch, 'judge');
    execFileSync('cc', ['-o', judge, join(import.meta.dirname, 'doctor-judge.c')]);
    const lines = execFileSync(judge, { encoding: 'utf8' }).trim().split('\n');
    expect(lines.length).toBeGreaterThan(15);
    for (const line of lines) {
      const [type, ...ids] = line.split(' ');
      const expected = ids.map((id) => helperById(Number(id))!.name);
      const found = of('helpers')
        .filter(({ programTypes }) => programTypes!.includes(type!))
        .map(({ name }) => name);
      // The header may be older than the kernel.
      const known = found.filter((name) => expected.includes(name) || !LATER.includes(name));
      expect([type, known]).toEqual([type, expected]);
    }
  });

  const noNamespace =
    spawnSync('unshare', ['-m', 'true']).status === 0 ? '' : ' (skipped: no private mounts)';

  it.skipIf(noNamespace)(`says what is not mounted, and what lacks it${noNamespace}`, () => {
    const mounts = ['btf', 'tracing', 'debug']
      .map(
        (name) => `if [ -d /sys/kernel/${name} ]; then mount -t tmpfs none /sys/kernel/${name}; fi`,
      )
      .join(' && ');
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['-m', 'sh', '-c', `${mounts} && exec "$@"`, 'sh', ...commandOf('doctor', '--json')],
      { encoding: 'utf8', maxBuffer: 1 << 28 },
    );
    expect(stderr).toBe('');
    const found: readonly Finding[] = objects({ status, stdout, stderr });
    const of = (topic: string, name: string) =>
      found.find((each) => each.topic === topic && each.name === name);
    expect(of('types', 'vmlinux')).toMatchObject({
      state: 'no',
      advice: expect.stringContaining('CONFIG_DEBUG_INFO_BTF'),
    });
    const noTypes = 'it needs the types of the kernel (BTF), and there are none';
    expect(of('attaching', 'tp_btf')).toMatchObject({ state: 'no', advice: noTypes });
    const mount = expect.stringContaining("run 'mount -t tracefs tracefs /sys/kernel/tracing'");
    expect(of('file systems', 'tracefs')).toMatchObject({ state: 'no', advice: mount });
    expect(of('attaching', 'tracepoint')).toMatchObject({ state: 'no', advice: mount });
    expect(of('program types', 'socket_filter')).toMatchObject({ state: 'yes' });
  });

  it.skipIf(noNamespace)(`goes on where sysfs is not mounted${noNamespace}`, () => {
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      [
        ...['-m', 'sh', '-c', 'mount -t tmpfs none /sys && exec "$@"', 'sh'],
        ...commandOf('doctor', '--json'),
      ],
      { encoding: 'utf8', maxBuffer: 1 << 28 },
    );
    expect(stderr).toBe('');
    const found: readonly Finding[] = objects({ status, stdout, stderr });
    expect(found.find(({ name }) => name === 'CPUs online')).toMatchObject({
      state: 'unknown',
      advice: 'sysfs is not mounted: mount -t sysfs sysfs /sys',
    });
    expect(found.find(({ topic }) => topic === 'types')).toMatchObject({ state: 'no' });
  });

  const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const noNobody =
    spawnSync(process.execPath, ['--version'], nobody).status === 0
      ? ''
      : ' (skipped: another user cannot run this Node)';

  it.skipIf(noNobody)(
    `without root says what it cannot find out, and ends with 3${noNobody}`,
    () => {
      const built = build();
      try {
        const { status, stdout, stderr } = spawnSync(
          process.execPath,
          [built.main, 'doctor', '--json'],
          { ...nobody, encoding: 'utf8', maxBuffer: 1 << 28 },
        );
        expect({ status, stderr }).toEqual({ status: 3, stderr: '' });
        const found: readonly Finding[] = objects({ status, stdout, stderr });
        const state = (topic: string, name: string) =>
          found.find((each) => each.topic === topic && each.name === name);
        expect(state('privileges', 'CAP_BPF')).toMatchObject({ state: 'no' });
        expect(state('program types', 'xdp')).toMatchObject({
          state: 'unknown',
          advice: expect.stringMatching(/^EPERM: This process lacks CAP_BPF and CAP_NET_ADMIN/),
        });
        // Not a yes, though the kernel did not say no.
        expect(state('helpers', 'xdp_adjust_head')).toMatchObject({ state: 'unknown' });
        expect(found.filter(({ topic, state }) => topic === 'helpers' && state === 'yes')).toEqual(
          [],
        );
      } finally {
        built.remove();
      }
    },
  );
});

/** Helpers of later headers than Linux 6.1 has. */
const LATER = ['cgrp_storage_get', 'cgrp_storage_delete'];
