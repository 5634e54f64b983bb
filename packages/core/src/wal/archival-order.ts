import type { ArchiveFile } from './archive-file.ts';

/**
 * The order in which PostgreSQL archives: history files before everything else, oldest timeline first, because they are
 * small and tell other servers which timelines are taken; then the rest by name, so a segment goes before its .partial.
 *
 * For Array.sort. Source: ready_file_comparator in PostgreSQL 18 src/backend/postmaster/pgarch.c.
 */
export function compareArchivalOrder(a: ArchiveFile, b: ArchiveFile): number {
  const aIsHistory = a.kind === 'history';
  if (aIsHistory !== (b.kind === 'history')) return aIsHistory ? -1 : 1;
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}
