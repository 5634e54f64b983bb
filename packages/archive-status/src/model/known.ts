/** A value, or why there is none. There is no third way: what nobody could ask is never a zero, and never all is well. */
export type Known<T> = { readonly known: true; readonly value: T } | Unknown;

export interface Unknown {
  readonly known: false;
  /** For people, as it stands in the table: "arch2 does not answer". */
  readonly reason: string;
}

export function known<T>(value: T): Known<T> {
  return { known: true, value };
}

export function unknown(reason: string): Unknown {
  return { known: false, reason };
}

/** What follows from a value; what is not known stays so, for the same reason. */
export function mapKnown<T, U>(cell: Known<T>, follow: (value: T) => U): Known<U> {
  return cell.known ? known(follow(cell.value)) : cell;
}

/** As mapKnown, where what follows may not be known itself. */
export function thenKnown<T, U>(cell: Known<T>, follow: (value: T) => Known<U>): Known<U> {
  return cell.known ? follow(cell.value) : cell;
}

export function valueOr<T>(cell: Known<T>, otherwise: T): T {
  return cell.known ? cell.value : otherwise;
}
