/** Memory that begins at a page of the machine's, in steps of 64 KiB: no buffer of JavaScript's promises that, one of WebAssembly does. */
export function pageAligned(sizeBytes: number): Buffer {
  const pages = sizeBytes / 65_536;
  return Buffer.from(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
}
