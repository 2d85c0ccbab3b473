/**
 * Questions to rtnetlink(7): one socket for each, one answer or several, and the kernel's own words when it refuses.
 * Asks about the network namespace of the thread.
 * @module
 */

import { SystemCallError } from './errors.ts';
import { closeFd } from './files.ts';
import {
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  type Message,
  type ReceivedMessage,
  SEQUENCE,
  textOf,
} from './netlink-message.ts';
import { openSocket, receive, sendTo, setOption } from './sockets.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;

/** Flags of messages. */
export const NLM_F = {
  REQUEST: 0x1,
  ACK: 0x4,
  ECHO: 0x8,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
} as const;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
/** struct sockaddr_nl of the kernel. */
const KERNEL = Uint8Array.of(AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

export interface RouteRequest extends Message {
  /** The name of the type, for errors: `RTM_GETLINK`. */
  readonly call: string;
  /** Completes "cannot ...". */
  readonly attempt: string;
}

/** Asks, and waits for all of the answer. Throws a SystemCallError with what the kernel says of a refusal. */
export function routeRequest(request: RouteRequest): ReceivedMessage[] {
  const fd = openSocket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  try {
    // Linux 4.12 and 4.2; without them a refusal has a number only.
    setOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
    setOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    const isDump = (request.flags & NLM_F.DUMP) === NLM_F.DUMP;
    const flags = request.flags | NLM_F.REQUEST | (isDump ? 0 : NLM_F.ACK);
    sendTo(fd, encodeMessage({ ...request, flags }), KERNEL);
    return answer(fd, request);
  } finally {
    closeFd(fd);
  }
}

function answer(fd: number, request: RouteRequest): ReceivedMessage[] {
  const messages: ReceivedMessage[] = [];
  for (;;) {
    for (const message of decodeMessages(receive(fd))) {
      if (message.sequence !== SEQUENCE) continue;
      if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) {
        messages.push(message);
        continue;
      }
      refuse(message, request);
      return messages;
    }
  }
}

/** struct nlmsgerr: the number, the header of the request (16 bytes), attributes. NLMSG_DONE has no header. */
function refuse({ type, flags, payload }: ReceivedMessage, { call, attempt }: RouteRequest): void {
  if (payload.length < 4) return;
  const number = new DataView(payload.buffer, payload.byteOffset).getInt32(0, true);
  if (number >= 0) return;
  const words =
    flags & NLM_F_ACK_TLVS
      ? textOf(decodeAttributes(payload, type === NLMSG_ERROR ? 20 : 4).get(NLMSGERR_ATTR_MSG))
      : undefined;
  throw new SystemCallError({
    call,
    attempt,
    errno: -number,
    log: words,
    needs: ['CAP_NET_ADMIN'],
  });
}
