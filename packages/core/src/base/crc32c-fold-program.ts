/**
 * A WebAssembly module of one function, put together by hand, because JavaScript has no 16-byte words:
 *
 *     fold(from, added, to, end): for each word of `from` up to `end`, its sum with the words of `added` at all of the `places`
 *                                 goes to `to`; all three move on by a word. Addresses in `memory`; one word at least.
 *
 * Source: WebAssembly 2.0, 5 (binary format). SIMD has been in every engine since 2021.
 */
export function foldProgram(places: readonly number[], memoryPages: number): WebAssembly.Module {
  const [from, added, to, end] = [0, 1, 2, 3];
  const sums = places.flatMap((place) => [...load(added, place), ...xor]);
  const moved = [from, added, to].flatMap((pointer) => [...get(pointer), ...constant(16), ...add, ...set(pointer)]);
  const loop = [...beginLoop, ...get(to), ...load(from, 0), ...sums, ...store];
  const body = [...loop, ...moved, ...get(from), ...get(end), ...isBelow, ...again, ...endBlock, ...endBlock];
  const locals = vector([]);
  const module = [
    ...magicAndVersion,
    ...section(1, [[0x60, ...vector([[i32], [i32], [i32], [i32]]), ...vector([])]]),
    ...section(3, [[0]]),
    ...section(5, [[0x00, ...unsigned(memoryPages)]]),
    ...section(7, [
      [...name('fold'), 0x00, 0],
      [...name('memory'), 0x02, 0],
    ]),
    ...section(10, [sized([...locals, ...body])]),
  ];
  return new WebAssembly.Module(new Uint8Array(module));
}

const magicAndVersion = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const i32 = 0x7f;
const beginLoop = [0x03, 0x40];
const endBlock = [0x0b];
const again = [0x0d, 0];
const add = [0x6a];
const isBelow = [0x49];
const xor = [0xfd, 0x51];
/** A word, at an address that is said to be a multiple of 1: content lies anywhere. */
const load = (pointer: number, offset: number) => [...get(pointer), 0xfd, 0x00, 0, ...unsigned(offset)];
const store = [0xfd, 0x0b, 0, 0];
const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
/** Up to 63: above, the sign would need a byte of its own. */
const constant = (value: number) => [0x41, value];

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function sized(bytes: readonly number[]): number[] {
  return [...unsigned(bytes.length), ...bytes];
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  return [id, ...sized(vector(items))];
}

function name(text: string): number[] {
  return sized([...Buffer.from(text)]);
}
