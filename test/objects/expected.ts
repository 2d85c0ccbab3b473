/**
 * What libbpf 1.1 and a kernel of 6.18 say to each program of the corpus, as its source says they should. A verdict is
 *
 * - `accepted`;
 * - `refused: TEXT`, by the verifier, whose log has this text;
 * - `failed: TEXT`, by libbpf before it asks the kernel, with what it warns of;
 * - `denied`: programs behind a trampoline, which some machines allow to nobody (EPERM), and others accept;
 * - `depends: REASON`: accepted or refused, as the kernel was configured;
 * - `unknown`: a section that does not exist.
 */

export interface Expected {
  /** The first kernel that has all of it. */
  readonly since?: string;
  /** Where libbpf stops if it does, and what it warns of. */
  readonly stops?: readonly [stage: 'open' | 'load', text: string];
  /** Programs that newer ones than libbpf 1.1 load, and for which its verdict is thus not the last word. */
  readonly beyond?: readonly string[];
  readonly programs: Readonly<Record<string, string>>;
}

const all = (...names: string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, 'accepted']));

/** Programs whose only relocation, of this kind, finds nothing. */
const missing = (kind: string, ...names: string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, `refused: <${kind}> [`]));

const LEAK = 'refused: Unreleased reference';
const INJECTION = 'depends: on trampolines and CONFIG_FUNCTION_ERROR_INJECTION';
const NO_FUNCTION = 'failed: failed to find kernel BTF type ID';

export const EXPECTED: Readonly<Record<string, Expected>> = {
  // Loaded by libbpf 1.2 (attributes of 64 bits) and 1.4 (arenas).
  arena: { stops: ['open', 'expected PTR, got enum64'], programs: {} },
  'arena-globals': { stops: ['open', "bad map relo against 'shared_count'"], programs: {} },
  callbacks: {
    since: '6.10',
    programs: {
      ...all('loop', 'nested', 'start_timer', 'start_work', 'find_area', 'drain'),
      wrong: 'refused: invalid read from stack',
    },
  },
  'core-ambiguous': {
    programs: { agreed: 'accepted', undecided: 'failed: relocation decision ambiguity' },
  },
  'core-fields': {
    programs: {
      ...all('offsets', 'direct', 'bits', 'bits_direct', 'existence', 'anonymous'),
      missing: 'refused: <byte_off> [',
    },
  },
  'core-kinds': {
    programs: {
      ...all('info', 'wide_enumerators', 'context', 'pointers'),
      wide_poison: 'refused: PERF_CONTEXT_GONE',
    },
  },
  // No kernel has these types: what asks whether they exist is told so, all else must not be reached.
  'core-rules': {
    programs: {
      ...all('number_exists', 'gone_exists', 'typed_exists', 'function_exists', 'comm_last'),
      ...all('real_exists', 'flavour_one', 'flavour_two', 'low_exists'),
      ...missing('byte_off', 'number_offset', 'gone_offset', 'pointer_offset', 'inner_offset'),
      ...missing('byte_off', 'inners_offset', 'comm_offset', 'matrix_offset', 'anonymous_offset'),
      ...missing('byte_off', 'either_offset', 'or_offset', 'tail_offset', 'third_offset'),
      ...missing('byte_off', 'union_offset', 'flavour_offset', 'flavours'),
      ...missing('byte_off', 'low_offset', 'high_offset', 'wide_offset'),
      ...missing('byte_off', 'load_number', 'load_word', 'load_quad', 'load_half', 'load_pointer'),
      ...missing('byte_off', 'load_typed', 'load_comm', 'load_start_of_array', 'load_matrix'),
      ...missing('byte_off', 'load_colour', 'load_flag', 'load_union', 'load_element'),
      ...missing('byte_off', 'load_part', 'load_pair', 'store', 'store_constant'),
      ...missing('byte_sz', 'number_size', 'gone_size', 'half_size', 'pointer_size', 'inner_size'),
      ...missing('byte_sz', 'inners_size', 'comm_size', 'matrix_size', 'colour_size', 'real_size'),
      ...missing('byte_sz', 'flag_size', 'low_size', 'high_size', 'wide_size', 'byte_size'),
      ...missing('signed', 'number_signed', 'gone_signed', 'tiny_signed', 'colour_signed'),
      ...missing('signed', 'low_signed', 'minus_signed', 'sign_signed'),
      ...missing('lshift_u64', 'number_lshift', 'gone_lshift', 'low_lshift', 'middle_lshift'),
      ...missing('lshift_u64', 'high_lshift', 'sign_lshift', 'wide_lshift'),
      ...missing('rshift_u64', 'number_rshift', 'gone_rshift', 'tiny_rshift', 'low_rshift'),
      ...missing('rshift_u64', 'minus_rshift', 'yes_rshift', 'byte_rshift'),
      ...Object.assign(
        {},
        ...[
          ...['struct', 'union', 'enum', 'wide_enum', 'number', 'typedef_of_struct', 'anonymous'],
          ...['pointer', 'array', 'function', 'const', 'typedef', 'whole', 'part', 'empty'],
        ].map((type) => all(`type_${type}_exists`, `type_${type}_size`, `type_${type}_matches`)),
      ),
      ...all('type_prototype_exists', 'type_prototype_matches'),
      ...all('type_id_local', 'type_id_kernel', 'type_id_typedef', 'type_id_enum'),
      ...Object.assign(
        {},
        ...['red', 'blue', 'gone_colour', 'minus', 'plus', 'wide', 'narrow'].map((name) => ({
          ...all(`${name}_exists`),
          ...missing('enumval_value', `${name}_value`),
        })),
      ),
    },
  },
  'core-sizes': {
    programs: {
      ...all('loads', 'signed_unreached', 'bits_as_field', 'stores', 'sizes'),
      signed_field: 'refused: task_struct___sizes.pid',
    },
  },
  'core-types': {
    programs: {
      ...all('types', 'type_id', 'enumerators'),
      missing_enumerator: 'refused: no_such_enum::NO_SUCH_ENUMERATOR',
    },
  },
  'core-v4': {
    since: '6.6',
    programs: {
      ...missing('byte_off', 'signed_8', 'signed_16', 'signed_32'),
      ...missing('byte_off', 'unsigned_8', 'unsigned_16', 'unsigned_32', 'store_constant'),
    },
  },
  dynptrs: { since: '6.5', programs: { ...all('record', 'local', 'packet'), left_over: LEAK } },
  exceptions: {
    since: '6.7',
    beyond: ['with_callback'],
    programs: { plain: 'accepted', with_callback: 'refused: exception callback' },
  },
  'global-arguments': {
    since: '6.9',
    programs: { tagged: 'accepted', may_be_null: 'refused: expected to be non-NULL' },
  },
  globals: { programs: all('count', 'speak', 'custom') },
  graphs: {
    since: '6.6',
    programs: {
      ...all('push_and_pop', 'grow_and_prune'),
      unlocked: 'refused: must be held for bpf_list_head',
    },
  },
  'isa-big-endian': { stops: ['open', 'endianness mismatch'], programs: {} },
  ...Object.fromEntries(
    ['isa-v1', 'isa-v2', 'isa-v3', 'isa-without-types'].map((name) => [
      name,
      { programs: all('arithmetic', 'extension', 'swaps', 'atomics', 'branches', 'calls') },
    ]),
  ),
  'isa-v4': {
    since: '6.6',
    programs: all(
      ...['arithmetic', 'extension', 'signed_division', 'swaps', 'atomics', 'branches', 'calls'],
    ),
  },
  kconfig: { programs: all('options') },
  'kconfig-missing': {
    stops: ['load', "extern 'CONFIG_NO_SUCH_OPTION' (strong): not resolved"],
    programs: { option: 'failed: not resolved' },
  },
  'kconfig-narrow': {
    stops: ['load', 'implies integer type'],
    programs: { option: 'failed: implies integer type' },
  },
  kfuncs: {
    since: '6.7',
    beyond: ['flavoured'],
    programs: {
      ...all('references', 'optional', 'read_side'),
      leak: LEAK,
      missing: 'refused: invalid kernel function call not eliminated',
      foreign: 'refused: metadata kfuncs require device-bound program',
      flavoured: LEAK,
    },
  },
  ksyms: {
    programs: {
      ...all('untyped', 'none'),
      typed: 'depends: on CONFIG_KALLSYMS_ALL',
    },
  },
  'ksyms-missing': {
    stops: ['load', "extern 'no_such_symbol' (strong): not resolved"],
    programs: { missing: 'failed: not resolved' },
  },
  'ksyms-wrong-type': {
    stops: ['load', 'incompatible types, expected'],
    programs: { wrong: 'failed: incompatible types' },
  },
  large: { since: '6.6', programs: all('written_by_macro', 'long_jump') },
  'legacy-maps': { stops: ['open', "legacy map definitions in 'maps' section"], programs: {} },
  // What either of these lacks the other one has: test/kernel/link-objects.test.ts.
  'link-kernel-1': {
    since: '6.2',
    programs: {
      ...all('configured_1', 'functions_1'),
      variables_1: 'depends: on CONFIG_KALLSYMS_ALL',
    },
  },
  'link-kernel-2': {
    since: '6.2',
    programs: {
      ...all('configured_2', 'functions_2'),
      variables_2: 'depends: on CONFIG_KALLSYMS_ALL',
    },
  },
  'link-maps-1': { stops: ['open', "unrecognized extern section '.maps'"], programs: {} },
  'link-maps-2': { stops: ['open', "unrecognized extern section '.maps'"], programs: {} },
  'link-shared-1': { stops: ['open', "extern 'consult'"], programs: {} },
  'link-shared-2': { stops: ['open', "extern 'limit'"], programs: {} },
  'link-weak-1': {
    programs: { program_1: "refused: invalid mem access 'mem_or_null'", replaced: 'accepted' },
  },
  'link-weak-2': { programs: all('program_2', 'replaced') },
  linkage: { programs: all('a_program_whose_name_is_cut', 'pointers') },
  linked: { programs: all('program_one', 'program_two', 'program_three') },
  'linked-one': { stops: ['open', "unrecognized extern section '.maps'"], programs: {} },
  'linked-two': { stops: ['open', "extern 'function_of_one'"], programs: {} },
  locks: {
    since: '6.4',
    programs: {
      ...all('count', 'keep'),
      held: 'refused: bpf_spin_lock',
      peeked: 'refused: bpf_spin_lock cannot be accessed directly',
    },
  },
  loops: {
    since: '6.9',
    programs: {
      ...all('bounded', 'may_stop', 'iterator'),
      forgotten: LEAK,
      endless: 'refused: infinite loop detected',
    },
  },
  maps: { programs: all('hashes', 'buffers', 'keyless') },
  'maps-nested': {
    programs: all(
      ...['through_maps', 'start', 'anywhere', 'step_one', 'step_two', 'from_subprogram'],
    ),
  },
  'maps-pinned': { programs: all('count') },
  'maps-sockets': {
    programs: all(
      ...['parser', 'stream_verdict', 'verdict', 'skb_bare', 'message'],
      ...['select_socket', 'migrate_socket', 'on_event', 'each_socket'],
    ),
  },
  'maps-storage': {
    since: '6.2',
    programs: {
      ...all('of_task', 'of_socket', 'of_cgroup', 'of_attachment'),
      of_inode: 'denied',
    },
  },
  'maps-wrong-1': { stops: ['open', "unknown field 'colour'"], programs: {} },
  'maps-wrong-2': { stops: ['open', "map type isn't specified"], programs: {} },
  'maps-wrong-3': { stops: ['open', 'conflicting key size 8 != 4'], programs: {} },
  'maps-wrong-4': { stops: ['open', 'multi-level inner maps not supported'], programs: {} },
  'maps-wrong-5': { stops: ['open', 'should be map-in-map or prog-array'], programs: {} },
  'maps-wrong-6': { stops: ['open', 'key spec is not PTR: int'], programs: {} },
  'maps-wrong-7': { stops: ['open', 'invalid pinning value 9'], programs: {} },
  'maps-wrong-8': {
    stops: ['load', 'failed to create: Invalid argument'],
    programs: { program: 'failed: failed to create' },
  },
  'no-license': {
    programs: {
      for_everybody: 'accepted',
      for_gpl: 'refused: cannot call GPL-restricted function',
    },
  },
  'only-maps': { programs: {} },
  refused: {
    since: '6.3',
    programs: {
      ...all('accepted', 'uninitialised_stack'),
      no_null_check: 'refused: map_value_or_null',
      uninitialised_register: 'refused: R8 !read_ok',
      out_of_bounds: 'refused: outside of the allowed memory range',
      written_constant: 'refused: write into map forbidden',
      kernel_pointer: "refused: invalid mem access 'scalar'",
      unreleased_record: LEAK,
      released_twice: 'refused: R1 type=scalar expected=ringbuf_mem',
      foreign_helper: 'refused: bpf_redirect#23',
      unknown_helper: 'refused: invalid func unknown#9999',
      wrong_result: 'refused: R0 has',
      wrong_context: 'refused: invalid bpf_context access off=192',
    },
  },
  'sections-cgroup': {
    since: '6.7',
    programs: {
      ...all('skb_ingress', 'skb_egress', 'skb_either'),
      ...all('sock_create', 'sock_release', 'sock_old', 'post_bind4', 'post_bind6'),
      ...all('bind4', 'bind6', 'connect4', 'connect6', 'rewrite'),
      ...all('sendmsg4', 'sendmsg6', 'recvmsg4', 'recvmsg6'),
      ...all('getpeername4', 'getpeername6', 'getsockname4', 'getsockname6'),
      ...all('connect_unix', 'sendmsg_unix', 'recvmsg_unix'),
      ...all('getpeername_unix', 'getsockname_unix'),
      ...all('sysctl', 'getsockopt', 'setsockopt', 'device', 'socket_events'),
      bind_unix: 'unknown',
    },
  },
  'sections-net': {
    since: '6.7',
    programs: {
      ...all('socket_filter', 'absolute_load'),
      ...all('tc_short', 'packet_access', 'tc_classifier', 'tc_action'),
      ...all('lwt_in_route', 'lwt_out_route', 'lwt_xmit_route', 'lwt_seg6local_route'),
      ...all('tcx_ingress', 'tcx_egress', 'tc_ingress', 'tc_egress'),
      ...all('netkit_primary', 'netkit_peer', 'dissector', 'lookup'),
      filter: 'depends: on CONFIG_NETFILTER_BPF_LINK',
      infrared: 'depends: on CONFIG_BPF_LIRC_MODE2',
    },
  },
  'sections-other': {
    programs: {
      ...all('sample', 'from_user_space', 'only_on_demand'),
      far_context: 'refused: dereference of modified ctx ptr',
      replacement: 'failed: attach program FD is not set',
      only_where_it_exists: NO_FUNCTION,
    },
  },
  'sections-probes': {
    since: '6.13',
    programs: {
      ...all('kprobe_bare', 'kprobe_function', 'two_in_one_section', 'kprobe_offset'),
      ...all('kretprobe_bare', 'kretprobe_function', 'kprobe_session'),
      ...all('kprobe_multi_bare', 'kprobe_multi', 'kretprobe_multi'),
      ...all('uprobe_bare', 'uprobe_function', 'uprobe_sleepable'),
      ...all('uretprobe_function', 'uretprobe_sleepable', 'uprobe_session'),
      ...all('uprobe_multi', 'uprobe_multi_sleepable', 'uretprobe_multi'),
      ...all('ksyscall_function', 'kretsyscall_function', 'on_demand'),
      no_such_section: 'unknown',
    },
  },
  'sections-tracing': {
    programs: {
      ...all('tracepoint_bare', 'tp_short', 'tp_unknown', 'tp_context'),
      ...all('raw_tp_bare', 'raw_tp_long', 'raw_tp_context'),
      ...all('raw_tp_writable', 'raw_tp_writable_bare', 'tp_btf_direct'),
      tp_btf_unknown: NO_FUNCTION,
      fentry_function: 'denied',
      fexit_function: 'denied',
      fentry_sleepable: INJECTION,
      fexit_sleepable: INJECTION,
      fmod_ret_function: INJECTION,
      fmod_ret_syscall: INJECTION,
      // Refused with EINVAL where trampolines are allowed.
      fmod_ret_refused: 'refused: ',
      fentry_unknown: NO_FUNCTION,
      fentry_bare: 'failed: no BTF-based attach target is specified',
      lsm_hook: 'denied',
      lsm_sleepable: 'denied',
      lsm_cgroup: 'denied',
      ...all('iter_task', 'iter_task_sleepable', 'iter_map', 'iter_map_elem'),
      fsession_function: 'unknown',
    },
  },
  'sections-usdt': { programs: all('setjmp_probe', 'usdt_bare') },
  'struct-ops': {
    programs: {
      ...all('corpus_ssthresh', 'corpus_undo_cwnd', 'corpus_cong_avoid', 'corpus_init'),
      // No map says which struct of the kernel's it is for.
      corpus_unused: 'refused: ',
    },
  },
  // To libbpf 1.1, functions without a map.
  'struct-ops-link': {
    beyond: ['link_ssthresh', 'link_undo_cwnd', 'link_cong_avoid'],
    programs: {
      link_ssthresh: 'refused: ',
      link_undo_cwnd: 'refused: ',
      link_cong_avoid: 'refused: ',
      link_optional: 'refused: ',
    },
  },
  subprograms: {
    programs: {
      ...all('first', 'second', 'third', 'alone'),
      recursion: 'refused: frames is too deep',
    },
  },
  types: { programs: all('use') },
  xdp: {
    programs: {
      ...all('filter', 'redirect', 'frags', 'devmap', 'devmap_frags', 'cpumap', 'cpumap_frags'),
      unchecked: 'refused: outside of the packet',
      egress_elsewhere: 'refused: invalid bpf_context access off=20',
    },
  },
};
