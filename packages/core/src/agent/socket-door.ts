/**
 * The hot path's door to the socket: only this file uses `Bun.connect`, which answers a millisecond of CPU sooner than
 * `node:net` loads.
 */
export interface LineHandlers {
  /** Each whole line that the agent sends, without its end. */
  onLine(line: string): void;
  /** The connection is over, or never came to be (`connected` is false). Called once, last. */
  onEnd(connected: boolean): void;
}

export interface LineConnection {
  close(): void;
}

/** Connects to a Unix socket, sends one line, and hands on the lines that come back. Never throws. */
export function exchangeLines(socketPath: string, line: string, handlers: LineHandlers): LineConnection {
  const text = `${line}\n`;
  let message: Uint8Array | undefined;
  let decoder: TextDecoder | undefined;
  let sent = 0;
  let received = '';
  let ended = false;
  let close = (): void => undefined;
  const end = (connected: boolean): void => {
    if (ended) return;
    ended = true;
    handlers.onEnd(connected);
  };
  // A write may be partial; `drain` says when to go on.
  const flush = (socket: { write(data: Uint8Array): number }): void => {
    message ??= new TextEncoder().encode(text);
    if (sent < message.length) sent += Math.max(0, socket.write(message.subarray(sent)));
  };
  const decode = (bytes: Uint8Array): string => {
    if (decoder === undefined && isShortAscii(bytes)) return asciiText(bytes);
    decoder ??= new TextDecoder();
    return decoder.decode(bytes, { stream: true });
  };
  Bun.connect({
    unix: socketPath,
    socket: {
      // Without it the first bytes would load Buffer.
      binaryType: 'uint8array',
      open(socket) {
        close = () => socket.end();
        sent = Math.max(0, socket.write(text));
        // As many bytes as characters: all is sent, or `drain` comes.
        if (sent !== text.length) flush(socket);
      },
      drain: flush,
      data(_socket, bytes) {
        received += decode(bytes);
        for (let at = received.indexOf('\n'); at >= 0; at = received.indexOf('\n')) {
          const one = received.slice(0, at);
          received = received.slice(at + 1);
          handlers.onLine(one);
        }
      },
      close: () => end(true),
      error: () => end(true),
      connectError: () => end(false),
    },
  }).catch(() => end(false));
  return { close: () => close() };
}

/** The usual answer is: it costs a call less than a decoder does. */
function isShortAscii(bytes: Uint8Array): boolean {
  if (bytes.length > 64) return false;
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] ?? 0) > 127) return false;
  return true;
}

function asciiText(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at++) text += String.fromCharCode(bytes[at] ?? 0);
  return text;
}
