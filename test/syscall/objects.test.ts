import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  BPF_MAP_TYPE,
  type BpfError,
  btfInfo,
  closeFd,
  fdById,
  ids,
  mapCreate,
  mapInfo,
  mapLookup,
  mapUpdate,
  memlockLimit,
  nextId,
  objectName,
  objGet,
  objPin,
  progInfo,
  setMemlockLimit,
  UNLIMITED,
} from '../../src/syscall/index.ts';
import { kernel, noBpf, returns, socketFilter, thrownBy, u32, withFds } from './support.ts';

const array = () =>
  mapCreate({ type: BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });

describe.skipIf(noBpf)(kernel('objects of the kernel'), () => {
  it('are listed, and opened by their ids', () =>
    withFds((own) => {
      const map = mapInfo(own(array()));
      const prog = progInfo(own(socketFilter(returns(0)).fd));
      expect([...ids('map')]).toContain(map.id);
      expect([...ids('prog')]).toContain(prog.id);
      expect(nextId('prog', 0x7fff_fff0)).toBeUndefined();
      const again = own(fdById('map', map.id)!);
      mapUpdate(again, u32(0), u32(5));
      expect(fdById('prog', 0x7fff_ffff)).toBeUndefined();
      expect(typeof [...ids('link')].length).toBe('number');
    }));

  it("have the kernel's own types among them", () => {
    for (const id of ids('btf')) {
      const fd = fdById('btf', id);
      if (fd === undefined) continue;
      const info = btfInfo(fd);
      closeFd(fd);
      if (info.name !== 'vmlinux') continue;
      expect(info.kernel).toBe(true);
      expect(info.size).toBeGreaterThan(1_000_000);
      return;
    }
    throw new Error('expected the BTF of vmlinux among the BTF objects');
  });

  it('are pinned to paths', () => {
    const directory = mkdtempSync(join(tmpdir(), 'beespoke-bpffs-'));
    execFileSync('mount', ['-t', 'bpf', 'bpf', directory]);
    try {
      withFds((own) => {
        const path = join(directory, 'counter');
        const fd = own(array());
        mapUpdate(fd, u32(0), u32(41));
        objPin(fd, path);
        expect(thrownBy<BpfError>(() => objPin(fd, path)).message).toContain(
          'Something is pinned there already',
        );
        const again = own(objGet(path));
        const value = new Uint8Array(4);
        mapLookup(again, u32(0), value);
        expect(value).toEqual(u32(41));
        expect(() => objGet(`${path}s`)).toThrow('Nothing is pinned there');
        const readOnly = own(objGet(path, 8));
        expect(() => mapUpdate(readOnly, u32(0), u32(1))).toThrow('EPERM');
      });
    } finally {
      execFileSync('umount', [directory]);
      rmdirSync(directory);
    }
  });

  it('cannot be pinned outside of a BPF file system', () =>
    withFds((own) => {
      const error = thrownBy<BpfError>(() =>
        objPin(own(array()), join(tmpdir(), 'beespoke-no-pin')),
      );
      expect(error.message).toContain('mount -t bpf bpf /sys/fs/bpf');
    }));
});

describe('names', () => {
  it('are made fit for the kernel', () => {
    expect(objectName('handle exit/a-rather-long-one')).toBe('handle_exit_a_r');
  });
});

describe.skipIf(noBpf)(kernel('the limit of locked memory'), () => {
  it('is read and set', () => {
    const limit = memlockLimit();
    expect(limit.hard).toBeGreaterThan(0n);
    setMemlockLimit(limit);
    expect(memlockLimit()).toEqual(limit);
  });

  it('cannot be raised without the capability', () => {
    const { hard } = memlockLimit();
    try {
      setMemlockLimit({ soft: UNLIMITED, hard: UNLIMITED });
      expect(memlockLimit().hard).toBe(UNLIMITED);
    } catch (error) {
      expect((error as Error).message).toContain('This process lacks CAP_SYS_RESOURCE');
      expect(memlockLimit().hard).toBe(hard);
    }
  });
});
