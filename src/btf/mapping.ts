/**
 * Where types and strings of one BTF are in another, after merging or deduplicating; and what that does to the .BTF.ext
 * section that goes with it.
 *
 * @example
 * remapExt(decodeBtfExt(bytes), merger.append(btf));
 *
 * @module
 */
import { BtfError } from './error.ts';
import type { BtfExt, ExtRecords } from './ext-section.ts';

export interface BtfMapping {
  /** New ids by old id. 0 stays 0. */
  readonly ids: Uint32Array;
  /** The new offset of a string, which is added if no type uses it. */
  string(offset: number): number;
}

/** The same records for the BTF that the mapping leads to. Throws BtfError for an id that the old BTF does not have. */
export const remapExt = (ext: BtfExt, mapping: BtfMapping): BtfExt => {
  const id = (old: number): number => {
    const found = mapping.ids[old];
    if (found !== undefined) return found;
    throw new BtfError(`.BTF.ext refers to type ${old}, and there are ${mapping.ids.length - 1}`);
  };
  const string = (offset: number): number => mapping.string(offset);
  const remap = <T>(
    sections: readonly ExtRecords<T>[],
    change: (record: T) => T,
  ): readonly ExtRecords<T>[] =>
    sections.map(({ section, records }) => ({
      section: string(section),
      records: records.map(change),
    }));
  return {
    funcInfos: remap(ext.funcInfos, (record) => ({ ...record, typeId: id(record.typeId) })),
    lineInfos: remap(ext.lineInfos, (record) => ({
      ...record,
      fileNameOffset: string(record.fileNameOffset),
      lineOffset: string(record.lineOffset),
    })),
    coreRelos: remap(ext.coreRelos, (record) => ({
      ...record,
      typeId: id(record.typeId),
      accessOffset: string(record.accessOffset),
    })),
  };
};
