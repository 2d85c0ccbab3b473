/**
 * beespoke/syscall: libc through koffi. bpf(2), perf_event_open(2), mmap(2) and what a loader needs beside
 * them, as functions over descriptors. Importing it loads nothing; the first system call loads koffi.
 * @module
 */

export { BPF_CMD, type BpfCommand } from './bpf-attr.ts';
export { type BtfLoadOptions, btfLoad } from './btf.ts';
export { needsOfMap, needsOfProgram } from './capability-needs.ts';
export { type Failure, likelyCause } from './causes.ts';
export { onlineCpus, parseCpuList, possibleCpus } from './cpus.ts';
export { ERRNO, type ErrnoName, errnoName, errnoText } from './errno.ts';
export { BpfError, type BpfFailure, SystemCallError, UnsupportedError } from './errors.ts';
export { FileDescriptor, openDescriptors } from './file-descriptor.ts';
export { closeFd, duplicateFd, OPEN_FLAG, openFile, readFd } from './files.ts';
export {
  type BtfInfo,
  btfData,
  btfInfo,
  type MapInfo,
  mapInfo,
  type ProgArray,
  type ProgInfo,
  progInfo,
  progRecords,
  progXlated,
} from './info.ts';
export { isAbsence, isShortage, kernelFile } from './kernel-file.ts';
export {
  isAtLeast,
  type KernelVersion,
  kernelVersion,
  parseKernelVersion,
  versionCode,
} from './kernel-version.ts';
export { isLibcLoaded, pageSize } from './libc.ts';
export {
  type Limit,
  memlockLimit,
  setMemlockLimit,
  UNLIMITED,
  waitForRunningPrograms,
} from './limits.ts';
export {
  iterCreate,
  type LinkCreateOptions,
  type LinkExtra,
  linkCreate,
  linkDetach,
  linkUpdate,
  rawTracepointOpen,
} from './link.ts';
export { type LinkInfo, type LinkTarget, linkInfo } from './link-info.ts';
export { type SyscallNumbers, syscallNumbers } from './machine.ts';
export {
  type MapCreateOptions,
  mapCreate,
  mapDelete,
  mapFreeze,
  mapLookup,
  mapLookupAndDelete,
  mapNextKey,
  mapUpdate,
} from './map.ts';
export {
  type BatchRead,
  type BatchResult,
  mapDeleteBatch,
  mapLookupAndDeleteBatch,
  mapLookupBatch,
  mapUpdateBatch,
} from './map-batch.ts';
export { Mapping, type MmapOptions, mapFile, mmap } from './mapping.ts';
export {
  addClsact,
  type Direction,
  deleteClsact,
  deleteFilter,
  type Filter,
  type FilterOptions,
  filtersOf,
  hasClsact,
  setFilter,
} from './netlink-filter.ts';
export {
  type InterfaceInfo,
  interfaceInfo,
  XDP_FLAG,
  type XdpSetOptions,
  xdpSet,
} from './netlink-interface.ts';
export { addRoute, deleteRoute, type RouteOptions } from './netlink-route.ts';
export {
  fdById,
  ids,
  nextId,
  type ObjectKind,
  objGet,
  objPin,
  type TaskFd,
  taskFdQuery,
} from './objects.ts';
export {
  PERF_COUNT_SW,
  PERF_SAMPLE,
  PERF_TYPE,
  type PerfEventOptions,
  perfEventDisable,
  perfEventEnable,
  perfEventOpen,
  perfEventSetBpf,
} from './perf-event.ts';
export {
  CAPABILITIES,
  type Capability,
  holds,
  type Privileges,
  readPrivileges,
} from './privileges.ts';
export {
  BPF_STREAM,
  enableStats,
  type ProgLoaded,
  type ProgLoadOptions,
  type ProgTestRunOptions,
  type ProgTestRunResult,
  progBindMap,
  progLoad,
  progStreamRead,
  progTestRun,
  type Records,
} from './prog.ts';
export {
  ATTACH_FLAG,
  type AttachedProgram,
  type ProgAttachOptions,
  type ProgQuery,
  type ProgQueryOptions,
  progAttach,
  progDetach,
  progQuery,
} from './prog-attach.ts';
export { MAX_NAME_LENGTH, objectName } from './scratch.ts';
export { SOCKET_OPTION, type SocketOption, setSocketOption } from './sockets.ts';
export { tokenCreate } from './token.ts';
export {
  BPF_ELEM_FLAG,
  BPF_LINK_TYPE,
  BPF_MAP_TYPE,
  BPF_PROG_TYPE,
  typeName,
} from './types.ts';
export { type Watch, watchReadable } from './watch.ts';
