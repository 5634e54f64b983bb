/**
 * The most raw content in one zstd frame of a stored file, in bytes: one piece and its frame are what a reader or a
 * writer holds in memory, whatever the segment size.
 *
 * Not more than 16 MiB: up to there Bun.zstdDecompress allocates what the frame header says and fails when the frame
 * holds more; above, it grows its output for as long as the frame goes on (see zstd-decompress.ts).
 */
export const PIECE_SIZE = 16 * 2 ** 20;
