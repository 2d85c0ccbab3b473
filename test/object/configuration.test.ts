import { describe, expect, it } from 'vitest';
import { type ConfigVariable, configurationBytes } from '../../src/object/index.ts';

const variable = (more: Partial<ConfigVariable>): ConfigVariable => ({
  name: 'CONFIG_X',
  weak: false,
  form: 'integer',
  offset: 0,
  size: 4,
  signed: false,
  ...more,
});

/** The bytes of one variable, or why there are none. */
const put = (more: Partial<ConfigVariable>, value: string | undefined): number[] | string => {
  const one = variable(more);
  try {
    return [...configurationBytes([one], one.size, () => value)];
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
};

describe('the map .kconfig', () => {
  it('has every variable at its place, and zeros for weak ones that are not set', () => {
    const variables = [
      variable({ name: 'CONFIG_HZ' }),
      variable({ name: 'CONFIG_NONE', offset: 4, weak: true }),
      variable({ name: 'CONFIG_BPF', form: 'bool', offset: 8, size: 1 }),
      variable({ name: 'CONFIG_NAME', form: 'text', offset: 9, size: 5 }),
    ];
    const values: Record<string, string> = {
      CONFIG_HZ: '250',
      CONFIG_BPF: 'y',
      CONFIG_NAME: '"bee"',
    };
    const bytes = configurationBytes(variables, 14, (name) => values[name]);
    expect([...bytes]).toEqual([250, 0, 0, 0, 0, 0, 0, 0, 1, 0x62, 0x65, 0x65, 0, 0]);
  });

  it.each<[Partial<ConfigVariable>, string, number[]]>([
    [{ form: 'bool', size: 1 }, 'n', [0]],
    [{ form: 'tristate' }, 'm', [2, 0, 0, 0]],
    [{ form: 'tristate' }, 'y', [1, 0, 0, 0]],
    [{ form: 'char', size: 1 }, 'm', [0x6d]],
    [{ form: 'char', size: 1 }, '65', [65]],
    [{ size: 8 }, '0xdead000000000000', [0, 0, 0, 0, 0, 0, 0xad, 0xde]],
    [{ size: 2, signed: true }, '-2', [0xfe, 0xff]],
    [{}, '010', [8, 0, 0, 0]],
    [{ form: 'text', size: 4 }, '"too long"', [0x74, 0x6f, 0x6f, 0]],
    [{ form: 'text', size: 6 }, '"a\\"b"', [0x61, 0x5c, 0x22, 0x62, 0, 0]],
    [{ form: 'text', size: 2 }, '""', [0, 0]],
    [{ name: 'LINUX_HAS_BPF_COOKIE', form: 'bool', size: 1 }, '1', [1]],
  ])('takes for %j the value %s', (more, value, expected) => {
    expect(put(more, value)).toEqual(expected);
  });

  it.each<[Partial<ConfigVariable>, string, string]>([
    [{ form: 'bool', size: 1 }, 'm', 'CONFIG_X is m in this kernel, which is no bool'],
    [{ form: 'bool', size: 1 }, '1', 'CONFIG_X is 1 in this kernel, which is no bool'],
    [{}, 'y', 'CONFIG_X is y in this kernel, which is no integer'],
    [{}, '"text"', 'CONFIG_X is "text" in this kernel, which is no integer'],
    [{}, '08', 'CONFIG_X is 08 in this kernel, which is no integer'],
    [{}, '4294967296', 'CONFIG_X is 4294967296 in this kernel, which does not fit in 4 bytes'],
    [
      { size: 2, signed: true },
      '32768',
      'CONFIG_X is 32768 in this kernel, which does not fit in 2 bytes',
    ],
    [{ form: 'text' }, '7', 'CONFIG_X is 7 in this kernel, which is no array of char'],
    [{ form: 'text' }, '"open', 'CONFIG_X is "open in this kernel, a text without its end'],
    [{ offset: 1 }, '7', 'CONFIG_X lies outside of the 4 bytes of .kconfig'],
  ])('refuses for %j the value %s', (more, value, expected) => {
    expect(put(more, value)).toBe(`RequirementError: ${expected}`);
  });

  it('says of what is not set where it was looked for', () => {
    expect(put({ name: 'CONFIG_NONE' }, undefined)).toBe(
      'RequirementError: this kernel is built without CONFIG_NONE, which the program needs: neither /boot/config-RELEASE nor /proc/config.gz sets it',
    );
    expect(put({ name: 'LINUX_HAS_WINGS' }, undefined)).toBe(
      'RequirementError: the program needs LINUX_HAS_WINGS, which is no number of the kernel that is known',
    );
  });
});
