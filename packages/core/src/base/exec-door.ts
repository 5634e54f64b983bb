/** The door to execve(2), which the runtime does not have. */
import { addressOf, libcCalls } from './libc-door.ts';

const libc = libcCalls({ execve: { args: ['ptr', 'ptr', 'ptr'], returns: 'int' } });

/**
 * Makes another program of this process. Its id stays, and its working directory and standard descriptors. Returns only when the kernel
 * refuses; then nothing has changed.
 */
export function execute(
  path: string,
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): void {
  const program = terminated(path);
  const argv = words.map(terminated);
  const envp = Object.entries(environment)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => terminated(`${name}=${value}`));
  const lists = [argv, envp].map(addressesOf);
  const [argvAddress = 0, envpAddress = 0] = lists.map(addressOf);
  libc().execve(addressOf(program), argvAddress, envpAddress);
  // Until here all of it is held.
  for (const held of [argv, envp, lists]) held.length = 0;
}

function terminated(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

/** As C wants a list: addresses, and 0 at its end. */
function addressesOf(texts: readonly Buffer[]): BigUint64Array {
  return BigUint64Array.from([...texts.map((text) => BigInt(addressOf(text))), 0n]);
}
