/** Pairs of network interfaces, where what goes into one comes out of the other: veth(4) and netkit. */
import { interfaceInfo } from '../../src/syscall/index.ts';
import { NLM_F, routeRequest } from '../../src/syscall/netlink.ts';
import { interfaceHeader } from '../../src/syscall/netlink-interface.ts';
import { nestedAttribute, textAttribute } from '../../src/syscall/netlink-message.ts';

const [RTM_NEWLINK, RTM_DELLINK] = [16, 17];
const [IFLA_IFNAME, IFLA_LINKINFO] = [3, 18];
const [IFLA_INFO_KIND, IFLA_INFO_DATA] = [1, 2];
/** VETH_INFO_PEER and IFLA_NETKIT_PEER_INFO */
const PEER = 1;

/** A pair of the check's own, `KIND0` and `KIND1`, until `remove()`: the indices of both. */
export const devicePair = (
  kind: 'veth' | 'netkit',
): { readonly indices: readonly [number, number]; remove(): void } => {
  const names = [`${kind}0`, `${kind}1`] as const;
  const peer = nestedAttribute(0, textAttribute(IFLA_IFNAME, names[1])).bytes;
  const header = interfaceHeader(0);
  routeRequest({
    call: 'RTM_NEWLINK',
    attempt: `make a ${kind} pair`,
    type: RTM_NEWLINK,
    flags: NLM_F.CREATE | NLM_F.EXCL,
    header,
    attributes: [
      textAttribute(IFLA_IFNAME, names[0]),
      nestedAttribute(
        IFLA_LINKINFO,
        textAttribute(IFLA_INFO_KIND, kind),
        nestedAttribute(IFLA_INFO_DATA, {
          type: PEER,
          bytes: Uint8Array.of(...header, ...peer),
        }),
      ),
    ],
  });
  const [first, second] = names.map((name) => interfaceInfo(name)!.index);
  return {
    indices: [first!, second!],
    remove: () =>
      void routeRequest({
        call: 'RTM_DELLINK',
        attempt: `remove the ${kind} pair`,
        type: RTM_DELLINK,
        flags: 0,
        header: interfaceHeader(first!),
        attributes: [],
      }),
  };
};
