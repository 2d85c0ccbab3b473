/**
 * Where bpftool says that the fields of the contexts are, in the BTF of Linux 6.18:
 *
 *     node test/golden/object/make.mjs > test/golden/object/contexts.json
 */
import { execFileSync } from 'node:child_process';

const STRUCTS = [
  'bpf_sock',
  'bpf_flow_keys',
  'xdp_md',
  '__sk_buff',
  'bpf_sock_addr',
  'bpf_sock_ops',
  'sk_msg_md',
  'sk_reuseport_md',
  'bpf_sk_lookup',
  'bpf_sysctl',
  'bpf_sockopt',
  'bpf_cgroup_dev_ctx',
  'bpf_nf_ctx',
];

const dump = execFileSync('bpftool', ['btf', 'dump', 'file', '/sys/kernel/btf/vmlinux'], {
  encoding: 'utf8',
  maxBuffer: 1 << 28,
});
const types = new Map(
  [...dump.matchAll(/^\[(\d+)\] (?:STRUCT|UNION) '([^']*)' size=(\d+) .*\n((?:\t.*\n)*)/gm)].map(
    ([, id, name, size, members]) => [id, { name, size: Number(size), members }],
  ),
);

/** Fields of anonymous structs and unions count as fields of what they are in. */
const fields = ({ members }, base = 0) =>
  [...members.matchAll(/^\t'([^']*)' type_id=(\d+) bits_offset=(\d+)/gm)].flatMap(
    ([, name, type, bits]) => {
      const at = base + Number(bits) / 8;
      return name === '(anon)' ? fields(types.get(type), at) : [[name, at]];
    },
  );

const rows = STRUCTS.map((wanted) => {
  const found = [...types.values()].find(({ name }) => name === wanted);
  return [wanted, { size: found.size, fields: Object.fromEntries(fields(found)) }];
});
process.stdout.write(`${JSON.stringify(Object.fromEntries(rows), undefined, 2)}\n`);
