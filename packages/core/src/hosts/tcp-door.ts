/** The door to ioctl(2) and getsockopt(2), for what the kernel knows of a TCP connection's output. */
import { addressOf, libcCalls } from '../base/libc-door.ts';

/** From linux/sockios.h: bytes that are not acknowledged, sent or not. */
const SIOCOUTQ = 0x5411;
/** From linux/in.h and linux/tcp.h. */
const IPPROTO_TCP = 6;
const TCP_INFO = 11;

/** In `struct tcp_info` (linux/tcp.h), of which the kernel fills as much as there is room for. */
const retransmitsOffset = 2;
const unackedOffset = 24;
const infoBytes = 28;

const libc = libcCalls({
  ioctl: { args: ['int', 'u64', 'ptr'], returns: 'int' },
  getsockopt: { args: ['int', 'int', 'int', 'ptr', 'ptr'], returns: 'int' },
});

export interface SendQueue {
  /** Not acknowledged by the other side. */
  bytes: number;
  /** Of those, some were sent, and the kernel has not had to send any again since the last acknowledgement. */
  isAwaited: boolean;
}

/** What of a TCP socket's output is on its way; undefined when the descriptor is none of a TCP socket. */
export function sendQueueOf(fileDescriptor: number): SendQueue | undefined {
  const queued = new Int32Array(1);
  const info = Buffer.alloc(infoBytes);
  const length = new Uint32Array([infoBytes]);
  const { ioctl, getsockopt } = libc();
  if (getsockopt(fileDescriptor, IPPROTO_TCP, TCP_INFO, addressOf(info), addressOf(length)) !== 0) return undefined;
  if (ioctl(fileDescriptor, SIOCOUTQ, addressOf(queued)) !== 0) return undefined;
  const isAwaited = info.readUInt32LE(unackedOffset) > 0 && info.readUInt8(retransmitsOffset) === 0;
  return { bytes: queued[0] ?? 0, isAwaited };
}
