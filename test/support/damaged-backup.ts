import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { crc32c } from '../../packages/core/src/base/crc32c.ts';

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');
const blockBytes = 512;

/**
 * Changes a file within a stored base backup, and its manifest and record with it: as if the server had had the damage already, and
 * nobody had looked at its page checksums. `directory` is the backup's, as this process sees it.
 */
export function changeWithin(directory: string, file: string, change: (content: Buffer) => void): void {
  const tarPath = `${directory}/base.tar.zst`;
  const tar = execFileSync('zstd', ['-dcq', tarPath], { maxBuffer: 2 ** 31 - 1 });
  const content = memberOf(tar, file);
  change(content);
  writeFileSync(tarPath, execFileSync('zstd', ['-cq', '-1'], { input: tar, maxBuffer: 2 ** 31 - 1 }));
  const manifestPath = `${directory}/backup_manifest`;
  const manifest = changeManifest(readFileSync(manifestPath, 'utf8'), file, content);
  writeFileSync(manifestPath, manifest);
  const recordPath = `${directory}/backup.json`;
  const record = JSON.parse(readFileSync(recordPath, 'utf8')) as Record<string, unknown>;
  writeFileSync(recordPath, `${JSON.stringify({ ...record, manifestSha256: sha256(manifest) }, null, 2)}\n`);
}

/** The content of a member of a tar, as a view of it. */
function memberOf(tar: Buffer, name: string): Buffer {
  for (let at = 0; at + blockBytes <= tar.length; ) {
    const header = tar.subarray(at, at + blockBytes);
    const found = header.toString('latin1', 0, 100).replace(/\0.*$/s, '').replace(/^\.\//, '');
    const sizeBytes = Number.parseInt(header.toString('latin1', 124, 136), 8) || 0;
    if (found === name) return tar.subarray(at + blockBytes, at + blockBytes + sizeBytes);
    at += blockBytes + Math.ceil(sizeBytes / blockBytes) * blockBytes;
  }
  throw new Error(`the tar has no ${name}`);
}

function changeManifest(text: string, file: string, content: Buffer): string {
  const digest = Buffer.alloc(4);
  // As PostgreSQL writes it: the bytes as they lie in memory.
  digest.writeUInt32LE(crc32c(content));
  const line = new RegExp(`("Path": "${file}".*"Checksum": ")[0-9a-f]+(")`);
  if (!line.test(text)) throw new Error(`the manifest has no ${file} with a CRC32C`);
  const changed = text.replace(line, `$1${digest.toString('hex')}$2`);
  const body = changed.slice(0, changed.indexOf('"Manifest-Checksum"'));
  return `${body}"Manifest-Checksum": "${sha256(body)}"}\n`;
}
