import { describe, expect, it } from 'vitest';
import { interfaceInfo, SystemCallError, setFilter } from '../../src/syscall/index.ts';
import {
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  nestedAttribute,
  textAttribute,
  textOf,
  u32Attribute,
  u32Of,
} from '../../src/syscall/netlink-message.ts';
import { thrownBy } from './support.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

describe('messages of netlink', () => {
  it('are laid out as the kernel reads them', () => {
    // What strace shows of `ip link show lo`, with our sequence number.
    const message = encodeMessage({
      type: 18,
      flags: 5,
      header: new Uint8Array(16),
      attributes: [textAttribute(3, 'lo'), u32Attribute(29, 9)],
    });
    expect(hex(message)).toBe(
      `${'30000000'}${'1200'}${'0500'}${'01000000'}${'00000000'}${'00'.repeat(16)}` +
        `${'0700'}${'0300'}${'6c6f0000'}${'0800'}${'1d00'}${'09000000'}`,
    );
  });

  it('nest attributes, and say so in the type', () => {
    const { type, bytes: inner } = nestedAttribute(43, u32Attribute(1, -1), textAttribute(7, 'ab'));
    expect(type).toBe(0x8000 | 43);
    expect(hex(inner)).toBe('08000100ffffffff' + '0700070061620000');
  });

  it('are read one after the other, each padded to four bytes', () => {
    const one = '1500000003000200010000000000000007000000';
    const [first, second, ...rest] = decodeMessages(
      bytes(`${one}ff000000${'12000000100002000100000009000000abcd'}`),
    );
    expect(rest).toEqual([]);
    expect(first).toMatchObject({ type: 3, flags: 2, sequence: 1 });
    expect(hex(first!.payload)).toBe('07000000ff');
    expect(second).toMatchObject({ type: 16, flags: 2 });
    expect(hex(second!.payload)).toBe('abcd');
  });

  it('give attributes without the flags of their types', () => {
    const attributes = decodeAttributes(
      bytes('00000000' + '08002b8004000000' + '07000300616200'),
      4,
    );
    expect([...attributes.keys()]).toEqual([43, 3]);
    expect(u32Of(attributes.get(43))).toBe(4);
    expect(textOf(attributes.get(3))).toBe('ab');
    expect(u32Of(attributes.get(99))).toBeUndefined();
    expect(u32Of(Uint8Array.of(1))).toBeUndefined();
  });

  it.each([
    [
      '00000000' + '0000000000000000' + '00000000',
      'message at byte 0: a length from 16 to 16, got 0',
    ],
    [
      'ff000000' + '0000000000000000' + '00000000',
      'message at byte 0: a length from 16 to 16, got 255',
    ],
  ])('are refused where they are longer than what is there (%#)', (text, message) => {
    expect(() => decodeMessages(bytes(text))).toThrow(`netlink ${message}`);
  });

  it('refuse attributes that are cut, and never hang on empty ones', () => {
    expect(() => decodeAttributes(bytes('09000300aabbccdd'))).toThrow(
      'netlink attribute at byte 0: a length from 4 to 8, got 9',
    );
    expect(() => decodeAttributes(bytes('0000030000000000'))).toThrow('got 0');
  });
});

describe('rtnetlink', () => {
  it('knows interfaces by name and by index', () => {
    expect(interfaceInfo('lo')).toMatchObject({ index: 1, name: 'lo' });
    expect(interfaceInfo(1)).toMatchObject({ index: 1, name: 'lo' });
  });

  it.each(['nope', '', 'a name that is far too long', 'lo\0x', 0, -1, 123_456_789])(
    'knows no interface %j',
    (nameOrIndex) => {
      expect(interfaceInfo(nameOrIndex)).toBeUndefined();
    },
  );

  it('says what the kernel says of a refusal', () => {
    // Index 123456789 is no interface, so nothing can come of it.
    const error = thrownBy<SystemCallError>(() =>
      setFilter({ index: 123_456_789, direction: 'ingress', progFd: -1, name: 'none' }),
    );
    expect(error).toBeInstanceOf(SystemCallError);
    expect(error.call).toBe('RTM_NEWTFILTER');
    expect(error.message).toMatch(
      /^cannot attach the program to ingress of interface 123456789 as a filter: ENODEV \(no such device\)/,
    );
  });
});
