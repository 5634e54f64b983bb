import { statfs } from 'node:fs/promises';

export interface FreeSpace {
  freeBytes: number;
  /** Of the whole file system. */
  totalBytes: number;
  freeInodes: number;
}

/** What an unprivileged user may still take on the file system that holds `path`. */
export async function freeSpace(path: string): Promise<FreeSpace> {
  const stats = await statfs(path);
  return { freeBytes: stats.bavail * stats.bsize, totalBytes: stats.blocks * stats.bsize, freeInodes: stats.ffree };
}
