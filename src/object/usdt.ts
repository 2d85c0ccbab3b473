/**
 * @module
 * The arguments of static probes (USDT), which can be in any register or memory. Where they are says a description that
 * the loader puts into a map when it attaches the program: the maps and descriptions of libbpf's usdt.bpf.h, so that a
 * file with them is loaded by libbpf as well.
 * @example
 * const maps = usdtMaps();
 * const argument = usdtArgument(maps);
 * object({ license: 'GPL', maps: { ...maps }, programs: {
 *   onLock: usdt('libc.so.6:libc:mutex_entry', [
 *     mov(r6, r1),
 *     call(argument, r6, 0, address), // the first argument, as 64 bits; r0 = 0 or a negative error
 * ...
 */
import {
  add,
  and,
  arsh,
  type Code,
  call,
  either,
  exit,
  fieldExists,
  fn,
  helper,
  helperExists,
  ja,
  jeq,
  jge,
  jgt,
  jne,
  label,
  load,
  lsh,
  mov,
  r0,
  r1,
  r2,
  r3,
  r6,
  r7,
  r8,
  r9,
  rsh,
  type Subprogram,
  stack,
  store,
  sub,
  w1,
  w2,
  w3,
} from '../asm/index.ts';
import { array, kernelStruct, struct, u8, u16, u32, u64 } from '../layout/index.ts';
import { arrayMap, hash } from './map-spec.ts';

/** The most arguments that a description has. */
const MOST_ARGUMENTS = 12;

/** Where an argument is (`struct __bpf_usdt_arg_spec`): `form` has more than its kind for indexed memory. */
const Argument = /* @__PURE__ */ struct('__bpf_usdt_arg_spec', {
  value: u64,
  form: u32,
  register: u16,
  signed: u8,
  shift: u8,
});
/** `struct __bpf_usdt_spec` */
const Spec = /* @__PURE__ */ struct('__bpf_usdt_spec', {
  args: /* @__PURE__ */ array(Argument, MOST_ARGUMENTS),
  cookie: u64,
  count: u16,
});

/** The kinds in the lower 8 bits of `form` (enum __bpf_usdt_arg_type). The next 12 are the index, the last 4 its shift. */
const CONSTANT = 0;
const REGISTER = 1;
const MEMORY = 2;

/** Registers as the context has them: their offsets are those of x86-64, or of arm64. */
const Registers = /* @__PURE__ */ kernelStruct('pt_regs', { ip: u64 });
const ArmRegisters = /* @__PURE__ */ kernelStruct('user_pt_regs', { pc: u64 });

const ENOENT = 2;

/** The maps of the programs at static probes of an object, to be named among its maps: `maps: { ...usdtMaps() }`. */
export const usdtMaps = ({
  places = 256,
}: {
  /** How many descriptions there can be: places of probes with different arguments. */
  readonly places?: number | undefined;
} = {}) => ({
  __bpf_usdt_specs: arrayMap(Spec, { maxEntries: places }),
  /** By address, for kernels that give programs no cookie: before 5.15. */
  __bpf_usdt_ip_to_spec_id: hash(u64, u32, { maxEntries: 4 * places }),
});
export type UsdtMaps = ReturnType<typeof usdtMaps>;

/**
 * `call(usdtArgument(maps), context, n, to)`: the argument `n`, from 0 on, as 64 bits at the address `to`, extended by
 * its sign if it has one. r0 = 0, or a negative error: -ENOENT where the probe has no such argument, -EFAULT where it is
 * in memory that cannot be read. Then there is 0 at `to`.
 */
export const usdtArgument = (maps: UsdtMaps): Subprogram => {
  const value = stack(u64);
  const argument = Argument.at(r9);
  const [inRegister, inMemory, read, known, unsigned, done] = labels();
  const missing = label('missing');
  /** The register at the offset in r3. */
  const readRegister: Code = [add(r3, r6), call(helper.probe_read_kernel, value, 8, r3)];
  return fn('usdt_argument', 3, [
    mov(r6, r1), // r6 = the context
    mov(r7, r2), // r7 = which argument
    mov(r8, r3), // r8 = where it goes
    store(u64.at(r8), 0),
    store(value, 0),
    findSpec(maps, missing),
    mov(r9, r0),
    load(w1, Spec.at(r9).count),
    jge(r7, r1, missing),
    jge(r7, MOST_ARGUMENTS, missing), // never: this is for the verifier
    lsh(r7, 4),
    add(r9, r7), // r9 = the description of the argument

    load(w1, argument.form),
    and(w1, 0xff),
    jeq(w1, REGISTER, inRegister),
    jne(w1, CONSTANT, inMemory),
    load(r1, argument.value),
    store(value, r1),
    ja(known),

    inRegister,
    load(w3, argument.register),
    readRegister,
    jne(r0, 0, done),
    ja(known),

    inMemory,
    load(w3, argument.register),
    readRegister,
    jne(r0, 0, done),
    load(r7, value), // r7 = the address
    load(w1, argument.form),
    and(w1, 0xff),
    jeq(w1, MEMORY, read),
    load(w3, argument.form),
    rsh(w3, 8),
    and(w3, 0xfff),
    readRegister,
    jne(r0, 0, done),
    load(r1, value),
    load(w2, argument.form),
    rsh(w2, 20),
    and(w2, 3),
    lsh(r1, r2),
    add(r7, r1),

    read,
    load(r1, argument.value),
    add(r7, r1),
    store(value, 0),
    load(w1, argument.shift),
    rsh(w1, 3),
    mov(w2, 8),
    sub(w2, w1), // w2 = its bytes: nothing behind them is touched
    jgt(w2, 8, missing), // never
    call(helper.probe_read_user, value, r2, r7),
    jne(r0, 0, done),

    known,
    load(r1, value),
    load(w2, argument.shift),
    and(w2, 63),
    lsh(r1, r2),
    load(w3, argument.signed),
    jeq(w3, 0, unsigned),
    arsh(r1, r2),
    store(u64.at(r8), r1),
    mov(r0, 0),
    exit(),
    unsigned,
    rsh(r1, r2),
    store(u64.at(r8), r1),
    mov(r0, 0),
    done,
    exit(),
    missing,
    mov(r0, -ENOENT),
    exit(),
  ]);
};

/** `call(usdtArgumentCount(maps), context)`: r0 = how many arguments the probe has, or -ENOENT. */
export const usdtArgumentCount = (maps: UsdtMaps): Subprogram => {
  const missing = label('missing');
  return fn('usdt_argument_count', 1, [
    mov(r6, r1),
    findSpec(maps, missing),
    mov(r1, r0),
    load(w1, Spec.at(r1).count),
    mov(r0, r1),
    exit(),
    missing,
    mov(r0, -ENOENT),
    exit(),
  ]);
};

/** `call(usdtCookie(maps), context)`: r0 = the cookie that the program was attached with, or 0. */
export const usdtCookie = (maps: UsdtMaps): Subprogram => {
  const missing = label('missing');
  return fn('usdt_cookie', 1, [
    mov(r6, r1),
    findSpec(maps, missing),
    load(r0, Spec.at(r0).cookie),
    exit(),
    missing,
    mov(r0, 0),
    exit(),
  ]);
};

/** r0 = the description for this place. r6 = the context. */
const findSpec = (
  { __bpf_usdt_specs: specs, __bpf_usdt_ip_to_spec_id: byAddress }: UsdtMaps,
  missing: ReturnType<typeof label>,
): Code => {
  const id = stack(u32);
  const address = stack(u64);
  return [
    either(
      helperExists(helper.get_attach_cookie),
      [call(helper.get_attach_cookie, r6), mov(r1, r0), store(id, w1)],
      [
        either(
          fieldExists(Registers.at(r6).ip),
          load(r1, Registers.at(r6).ip),
          load(r1, ArmRegisters.at(r6).pc),
        ),
        store(address, r1),
        call(helper.map_lookup_elem, byAddress, address),
        jeq(r0, 0, missing),
        load(w1, u32.at(r0)),
        store(id, w1),
      ],
    ),
    call(helper.map_lookup_elem, specs, id),
    jeq(r0, 0, missing),
  ];
};

const labels = () =>
  [
    label('inRegister'),
    label('inMemory'),
    label('read'),
    label('known'),
    label('unsigned'),
    label('done'),
  ] as const;
