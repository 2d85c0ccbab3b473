import { describe, expect, it } from 'vitest';
import { coreRelo, decodeBtfExt, encodeBtfExt, funcInfo, lineInfo } from '../../src/btf/index.ts';
import { base64, errorOf, golden } from './support.ts';

describe('records for PROG_LOAD', () => {
  it('writes func info as instruction and type', () => {
    expect([...funcInfo.encode([{ insnOffset: 5, typeId: 0x102 }])]).toEqual([
      5, 0, 0, 0, 2, 1, 0, 0,
    ]);
  });

  it('writes line info with the column in the low 10 bits', () => {
    const record = { insnOffset: 1, fileNameOffset: 2, lineOffset: 3, line: 5, column: 7 };
    expect([...new Uint32Array(lineInfo.encode([record]).buffer)]).toEqual([1, 2, 3, 5 * 1024 + 7]);
    expect(lineInfo.decode(lineInfo.encode([record]))).toEqual([record]);
  });

  it('cuts lines and columns to what fits', () => {
    const record = { insnOffset: 0, fileNameOffset: 0, lineOffset: 0, line: 2 ** 23, column: 5000 };
    expect(lineInfo.decode(lineInfo.encode([record]))).toMatchObject([
      { line: 2 ** 22 - 1, column: 1023 },
    ]);
  });

  it('writes CO-RE relocations in both byte orders', () => {
    const record = { insnOffset: 8, typeId: 7, accessOffset: 6, kind: 12 };
    expect([...coreRelo.encode([record], false)]).toEqual([
      0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 6, 0, 0, 0, 12,
    ]);
    expect(coreRelo.decode(coreRelo.encode([record], false), false)).toEqual([record]);
  });

  it('skips what longer records have at their end', () => {
    const bytes = new Uint8Array([1, 0, 0, 0, 2, 0, 0, 0, 9, 9, 9, 9]);
    expect(funcInfo.decode(bytes, true, 12)).toEqual([{ insnOffset: 1, typeId: 2 }]);
  });

  it('refuses numbers that do not fit, and half records', () => {
    expect(errorOf(() => funcInfo.encode([{ insnOffset: -1, typeId: 0 }])).message).toMatch(/-1/);
    expect(errorOf(() => funcInfo.decode(new Uint8Array(7))).message).toMatch(/8 bytes/);
  });
});

describe('.BTF.ext', () => {
  it('encodes to the bytes that clang wrote', () => {
    const bytes = base64(golden().program.ext);
    const ext = decodeBtfExt(bytes);
    expect(ext.coreRelos[0]?.records.length).toBe(91);
    expect(encodeBtfExt(ext)).toEqual(bytes);
  });

  it.each([
    ['is cut off', (b: Uint8Array) => b.subarray(0, 20), 0],
    ['has another magic number', (b: Uint8Array) => b.fill(0, 0, 1), 0],
    ['has a header longer than itself', (b: Uint8Array) => b.fill(0xff, 4, 8), 4],
    ['has func info after its end', (b: Uint8Array) => b.fill(0xff, 12, 16), 8],
    ['has records of 0 bytes', (b: Uint8Array) => b.fill(0, 32, 36), 32],
    ['has more records than bytes', (b: Uint8Array) => b.fill(0xff, 40, 44), 40],
  ])('that %s is refused with its offset', (_, spoil, offset) => {
    expect(errorOf(() => decodeBtfExt(spoil(base64(golden().program.ext)))).offset).toBe(offset);
  });
});
