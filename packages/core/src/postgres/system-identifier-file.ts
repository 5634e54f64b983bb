import { closeSync, openSync, readSync } from 'node:fs';
import { systemErrorCode } from '../base/failure.ts';

/**
 * The system identifier (decimal) of a data directory, from the first eight bytes of its pg_control, where every version has it;
 * undefined when there is no pg_control. Little endian only. Source: ControlFileData in PostgreSQL 18
 * src/include/catalog/pg_control.h.
 */
export function readSystemIdentifier(dataDirectory: string): string | undefined {
  let fileDescriptor: number;
  try {
    fileDescriptor = openSync(`${dataDirectory}/global/pg_control`, 'r');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  try {
    const bytes = Buffer.alloc(8);
    return readSync(fileDescriptor, bytes, 0, 8, 0) === 8 ? String(bytes.readBigUInt64LE(0)) : undefined;
  } finally {
    closeSync(fileDescriptor);
  }
}
