import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  ERRNO,
  errnoName,
  errnoText,
  isAtLeast,
  kernelFile,
  kernelVersion,
  onlineCpus,
  pageSize,
  parseCpuList,
  parseKernelVersion,
  possibleCpus,
  SystemCallError,
  syscallNumbers,
  UnsupportedError,
  versionCode,
} from '../../src/syscall/index.ts';
import { insn } from './support.ts';

describe('the machine', () => {
  it('has the numbers of system calls for x86-64 and arm64', () => {
    expect(syscallNumbers('linux', 'x64')).toMatchObject({ bpf: 321, perf_event_open: 298 });
    expect(syscallNumbers('linux', 'arm64')).toMatchObject({ bpf: 280, perf_event_open: 241 });
  });

  it('says in one sentence where programs cannot be loaded', () => {
    expect(() => syscallNumbers('darwin', 'arm64')).toThrow(UnsupportedError);
    expect(() => syscallNumbers('darwin', 'arm64')).toThrow(
      'beespoke loads programs on Linux (x86-64 or arm64); this is darwin/arm64',
    );
    expect(() => syscallNumbers('linux', 'ia32')).toThrow('this is linux/ia32');
  });

  it('knows its pages', () => {
    const { stdout } = { stdout: execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }) };
    expect(pageSize()).toBe(Number(stdout));
  });

  it('knows its CPUs', () => {
    expect(possibleCpus().length).toBeGreaterThanOrEqual(onlineCpus().length);
    expect(onlineCpus().length).toBeGreaterThan(0);
  });

  it('reads lists of CPUs', () => {
    expect(parseCpuList('0-3,5\n')).toEqual([0, 1, 2, 3, 5]);
    expect(parseCpuList('7')).toEqual([7]);
    expect(parseCpuList('\n')).toEqual([]);
    expect(() => parseCpuList('0-')).toThrow('a list of CPUs: expected 0-3,5, got 0-');
  });
});

describe('a file of the kernel', () => {
  it('is there or not, and no other failure is taken for the latter', () => {
    expect(kernelFile('/proc/version')).toMatch(/^Linux version /);
    expect(kernelFile('/proc/no-such-file')).toBeUndefined();
    expect(kernelFile('/proc/version/below')).toBeUndefined();
    expect(() => kernelFile('/proc/self')).toThrow(/EISDIR/);
  });
});

describe('the version of the kernel', () => {
  it('is the running one', () => {
    const release = execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim();
    expect(kernelVersion().release).toBe(release);
    expect(isAtLeast('4.0')).toBe(true);
    expect(isAtLeast('99.0')).toBe(false);
  });

  it('is the stable release that a distribution is built from', () => {
    const debian = '#1 SMP Debian 5.10.209-2 (2024-01-31)';
    expect(parseKernelVersion('5.10.0-28-amd64', debian)).toMatchObject({ minor: 10, patch: 209 });
    const ubuntu = 'Ubuntu 5.15.0-94.104-generic 5.15.136';
    expect(parseKernelVersion('5.15.0-94-generic', '#104', ubuntu)).toMatchObject({
      major: 5,
      minor: 15,
      patch: 136,
      release: '5.15.0-94-generic',
    });
  });

  it('is read without a patch level, and counts at most 255 of them', () => {
    expect(parseKernelVersion('7.2-rc1')).toMatchObject({ major: 7, minor: 2, patch: 0 });
    expect(parseKernelVersion('4.19.300').code).toBe(versionCode(4, 19, 255));
    expect(versionCode(5, 8)).toBe(0x50800);
  });
});

describe('error numbers', () => {
  it('have names and texts', () => {
    expect(errnoName(1)).toBe('EPERM');
    expect(errnoText(28)).toBe('no space left on device');
    expect(errnoName(524)).toBe('ENOTSUPP');
    expect(errnoName(4095)).toBe('errno 4095');
  });

  it('are those of libc', async () => {
    const { constants } = await import('node:os');
    const aliases = ['EWOULDBLOCK', 'EDEADLOCK', 'ENOTSUP'];
    for (const [name, number] of Object.entries(constants.errno)) {
      if (!aliases.includes(name))
        expect([name, ERRNO[name as keyof typeof ERRNO]?.[0]]).toEqual([name, number]);
    }
  });

  it('make an error that is an Error', () => {
    const error = new SystemCallError({ call: 'mmap', attempt: 'map a thing', errno: 19 });
    expect(error).toBeInstanceOf(Error);
    expect(`${error}`).toBe(
      'SystemCallError: cannot map a thing: ENODEV (no such device). This file cannot be mapped',
    );
  });
});

describe('importing the room', () => {
  it('does not load koffi', () => {
    const index = new URL('../../src/syscall/index.ts', import.meta.url).href;
    const script = `
      const { isLibcLoaded, pageSize } = await import(${JSON.stringify(index)});
      const { createRequire } = await import('node:module');
      const cache = createRequire(${JSON.stringify(index)}).cache;
      const native = () => Object.keys(cache).filter((path) => path.includes('koffi')).length > 0;
      const before = [isLibcLoaded(), native()];
      pageSize();
      console.log(JSON.stringify([before, [isLibcLoaded(), native()]]));`;
    const output = execFileSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script],
      {
        encoding: 'utf8',
      },
    );
    expect(JSON.parse(output)).toEqual([
      [false, false],
      [true, true],
    ]);
  });

  it('and the tests of it write instructions as the kernel reads them', () => {
    expect(insn(0x7a, 10, 0, -8, 1)).toEqual([0x7a, 0x0a, 0xf8, 0xff, 1, 0, 0, 0]);
  });
});
