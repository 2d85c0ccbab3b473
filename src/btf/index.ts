/**
 * BTF, the kernel's type information: decoded, encoded, printed and matched (CO-RE). Pure: bytes in, bytes out.
 *
 * @module
 */
export { Btf, type BtfOptions } from './btf.ts';
export { BtfBuilder, type EncodeOptions, type MemberInput } from './builder.ts';
export { type PrintCOptions, printC, printDeclaration } from './c.ts';
export { BTF_INT, BTF_KIND, BTF_MAGIC, BTF_VERSION } from './constants.ts';
export {
  type CoreAccess,
  type CoreAccessor,
  type CoreRelocation,
  describeAccess,
  formatAccess,
  parseAccess,
} from './core/access.ts';
export { fieldsCompatible, typesCompatible } from './core/compatible.ts';
export { CORE_KIND_LABELS, CORE_KINDS, type CoreKind } from './core/kinds.ts';
export { type CoreMatch, matchAccess } from './core/match.ts';
export { typesMatch } from './core/matches.ts';
export type { CoreField } from './core/value.ts';
export { type Deduplicated, deduplicate } from './deduplicate.ts';
export { BTF_FEATURES, type BtfFeature, downgrade } from './downgrade.ts';
export { BtfEdit } from './edit.ts';
export { BtfError } from './error.ts';
export {
  type CoreRelo,
  coreRelo,
  type FuncInfo,
  funcInfo,
  type LineInfo,
  lineInfo,
  MAX_COLUMN,
  MAX_LINE,
  type RecordCodec,
} from './ext.ts';
export { type BtfExt, decodeBtfExt, type ExtRecords, encodeBtfExt } from './ext-section.ts';
export { type ArgumentShape, type BtfFunction, functionsOf, namesOf } from './functions.ts';
export { printAllJson, printJson } from './json.ts';
export { type BtfMapping, remapExt } from './mapping.ts';
export { type AppendOptions, BtfMerger, merge } from './merge.ts';
export { type MinimalBtf, minimise, type ProgramRelocations } from './minimise.ts';
export { checkNames } from './name-rules.ts';
export { essentialName } from './names.ts';
export { printAllRaw, printRaw } from './raw.ts';
export { referencesOf, withReferences } from './references.ts';
export { CoreResolver, type CoreResult, type CoreTarget } from './relocate.ts';
export type {
  BtfArray,
  BtfComposite,
  BtfDatasec,
  BtfDeclTag,
  BtfEnum,
  BtfEnum64,
  BtfFloat,
  BtfFunc,
  BtfFuncProto,
  BtfFwd,
  BtfInt,
  BtfKind,
  BtfLinkage,
  BtfMember,
  BtfReference,
  BtfType,
  BtfTypeInput,
  BtfUnknown,
  BtfVar,
  BtfVoid,
} from './types.ts';
export { hasTypeScript, printTypeScript } from './typescript.ts';
