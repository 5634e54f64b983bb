/** Says, line by line, what the kernel tells of a connection to an address and a port whose packets are lost from some moment on. As root. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { pendingBytesOf } from '../../packages/core/src/hosts/stall-watch.ts';
import { command } from './command.ts';
import { NOBODYS_MAC } from './network.ts';

const longestMs = 10_000;

const [address = '', port] = process.argv.slice(2);
const socket = connect(Number(port), address);
await once(socket, 'connect');
await command(['ip', 'neigh', 'replace', address, 'lladdr', NOBODYS_MAC, 'dev', 'eth0', 'nud', 'permanent']);
socket.write(Buffer.alloc(100));
const startedMs = performance.now();
let said = '';
while (performance.now() - startedMs < longestMs) {
  const pending = pendingBytesOf(socket);
  const text = JSON.stringify(pending);
  if (text !== said) console.log(text);
  said = text;
  if (!pending?.isAwaited) break;
  await new Promise((resolve) => setTimeout(resolve, 5));
}
process.exit(0);
