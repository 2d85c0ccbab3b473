import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  BPF_MAP_TYPE,
  closeFd,
  FileDescriptor,
  Mapping,
  mapCreate,
  mapFile,
  mapLookup,
  mmap,
  openDescriptors,
  openFile,
  pageSize,
  progTestRun,
  readFd,
  type SystemCallError,
} from '../../src/syscall/index.ts';
import { kernel, noBpf, ringOutput, socketFilter, thrownBy, u32, withFds } from './support.ts';

const BPF_F_MMAPABLE = 1 << 10;

describe.skipIf(noBpf)(kernel('mapped memory'), () => {
  const mmapable = () =>
    mapCreate({
      type: BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY,
      keySize: 4,
      valueSize: 8,
      maxEntries: 1,
      flags: BPF_F_MMAPABLE,
    });

  it('of a ring buffer shows what a program wrote', () =>
    withFds((own) => {
      const size = 4 * pageSize();
      const ring = own(mapCreate({ type: BPF_MAP_TYPE.BPF_MAP_TYPE_RINGBUF, maxEntries: size }));
      const fd = own(socketFilter(ringOutput(ring)).fd);
      using consumer = mmap({ fd: ring, length: pageSize(), writable: true });
      using producer = mmap({ fd: ring, offset: pageSize(), length: pageSize() + 2 * size });
      expect(progTestRun(fd, { dataIn: new Uint8Array(64) }).returnValue).toBe(0);
      expect(new BigUint64Array(producer.buffer, 0, 1)[0]).toBe(16n);
      const record = new Uint32Array(producer.buffer, pageSize(), 4);
      expect([...record]).toEqual([8, record[1], 0x01234567, 0]);
      new BigUint64Array(consumer.buffer, 0, 1)[0] = 16n;
    }));

  it('is written without a system call', () =>
    withFds((own) => {
      const fd = own(mmapable());
      using memory = mmap({ fd, length: pageSize(), writable: true });
      memory.bytes[3] = 99;
      const value = new Uint8Array(8);
      mapLookup(fd, u32(0), value);
      expect([...value]).toEqual([0, 0, 0, 99, 0, 0, 0, 0]);
    }));

  it('throws once it is closed, and is harmless to who kept an array', () =>
    withFds((own) => {
      const fd = own(mmapable());
      const memory = mmap({ fd, length: pageSize(), writable: true, name: 'counters' });
      const { bytes, buffer } = memory;
      const view = new DataView(buffer);
      bytes[0] = 7;
      memory.close();
      memory.close();
      expect(memory.closed).toBe(true);
      expect(() => memory.bytes).toThrow('counters is closed');
      expect(() => memory.buffer).toThrow('counters is closed');
      // Node 22 detaches, Node 20 reads zeros: neither dies, and the map is out of reach.
      expect(bytes[0] ?? 0).toBe(0);
      bytes[0] = 5;
      if ('transfer' in buffer) expect(() => view.getUint8(0)).toThrow(TypeError);
      else expect(view.getUint8(0)).toBe(5);
      const value = new Uint8Array(8);
      mapLookup(fd, u32(0), value);
      expect(value[0]).toBe(7);
    }));

  it('says why it was refused', () =>
    withFds((own) => {
      const type = BPF_MAP_TYPE.BPF_MAP_TYPE_HASH;
      const fd = own(mapCreate({ type, keySize: 4, valueSize: 8, maxEntries: 1 }));
      const error = thrownBy<SystemCallError>(() => mmap({ fd, length: 4096, name: 'the map' }));
      expect(error).toMatchObject({ name: 'SystemCallError', call: 'mmap' });
      expect(error.message).toMatch(/^cannot map the map \(4096 bytes\): E/);
      expect(() => mmap({ fd, length: 2 ** 32 })).toThrow('expected 1 to 4294967295 bytes');
      expect(() => mmap({ fd, length: 0 })).toThrow(RangeError);
    }));
});

describe('a mapped file', () => {
  it('has the content of the file', () => {
    const path = existsSync('/sys/kernel/btf/vmlinux')
      ? '/sys/kernel/btf/vmlinux'
      : process.execPath;
    using file = mapFile(path);
    const content = readFileSync(path);
    expect(file.length).toBe(content.length);
    expect(Buffer.compare(file.bytes, content)).toBe(0);
  });

  it('is read where it cannot be mapped', () => {
    const file = mapFile('/proc/self/status');
    expect(Buffer.from(file.bytes).toString()).toContain('CapEff:');
    file.close();
    expect(() => file.bytes).toThrow('/proc/self/status is closed');
  });

  it('must exist', () => {
    expect(() => mapFile('/no/such/file')).toThrow(
      'cannot open /no/such/file: ENOENT (no such file or directory). ' +
        'The file does not exist: is its file system mounted?',
    );
  });

  it('can be an ordinary copy', () => {
    using copy = new Mapping('a copy', 0, Uint8Array.of(1, 2).buffer);
    expect([...copy.bytes]).toEqual([1, 2]);
  });
});

describe('a file descriptor', () => {
  it('is closed once and not used afterwards', () => {
    const before = openDescriptors();
    const file = new FileDescriptor(openFile('/dev/null'), 'the null device');
    expect(openDescriptors()).toBe(before + 1);
    expect(readFd(file.fd, new Uint8Array(4))).toBe(0);
    const number = file.fd;
    file.close();
    file.close();
    expect(file.closed).toBe(true);
    expect(() => file.fd).toThrow('the null device is closed');
    expect(openDescriptors()).toBe(before);
    expect(thrownBy<SystemCallError>(() => closeFd(number)).code).toBe('EBADF');
  });

  it('is closed at the end of its block', () => {
    let number: number;
    {
      using file = new FileDescriptor(openFile('/dev/null'), 'the null device');
      number = file.fd;
    }
    expect(() => readFd(number, new Uint8Array(1))).toThrow('EBADF');
  });

  it('closes on exec', () =>
    withFds((own) => {
      const fd = own(openFile('/dev/null'));
      expect(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')).toMatch(/^flags:\s+02\d{6}$/m);
    }));
});
