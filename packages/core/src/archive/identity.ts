import { readFile } from 'node:fs/promises';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { createFileDurably } from '../files/atomic-file.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import { parseSegmentSize } from '../wal/segment-size.ts';
import { formatSystemIdentifier, parseSystemIdentifier } from '../wal/system-identifier.ts';
import type { ClusterDirectory } from './cluster-directory.ts';

/** cluster.json: whose archive this is. */
export interface ClusterRecord extends ClusterIdentity {
  cluster: string;
}

const clusterNamePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/;

/** Throws Failure `usage` unless `name` can be a cluster's name in files, messages and tables. */
export function checkClusterName(name: string): string {
  if (clusterNamePattern.test(name)) return name;
  throw new Failure('usage', `cluster name ${JSON.stringify(name.slice(0, 80))} is not usable`, {
    hint: 'Use 1 to 63 letters, digits, "_", "." and "-", not beginning with "." or "-".',
  });
}

/** Reads cluster.json; undefined when there is none. Throws Failure `damaged` when it cannot be understood. */
export async function readClusterRecord(directory: ClusterDirectory): Promise<ClusterRecord | undefined> {
  let text: string;
  try {
    text = await readFile(directory.identityFile, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return parseRecord(text);
  } catch (error) {
    throw new Failure('damaged', `${directory.identityFile} cannot be read as a cluster's identity`, {
      cause: error,
      hint: 'Restore the file from the peer, where it says the same.',
    });
  }
}

/**
 * Makes cluster.json, durably and exclusively, and returns what the directory then holds: ours, or
 * that of somebody who was faster.
 */
export async function createClusterRecord(
  directory: ClusterDirectory,
  cluster: string,
  identity: ClusterIdentity,
  nowMs: number,
): Promise<ClusterRecord> {
  const record: ClusterRecord = { cluster, ...identity };
  if (await createFileDurably(directory.identityFile, formatRecord(record, nowMs), nowMs)) return record;
  const winner = await readClusterRecord(directory);
  if (winner === undefined) throw new Failure('disk_error', `${directory.identityFile} vanished while it was made`);
  return winner;
}

/** Throws Failure `wrong_cluster` unless both are the same cluster; `whose` says where `found` comes from. */
export function checkSameCluster(kept: ClusterIdentity, found: ClusterIdentity, whose: string): void {
  const differences: string[] = [];
  if (kept.systemIdentifier !== found.systemIdentifier) {
    differences.push(`system identifier ${found.systemIdentifier}, not ${kept.systemIdentifier}`);
  }
  if (kept.segmentSize !== found.segmentSize) {
    differences.push(`segment size ${found.segmentSize}, not ${kept.segmentSize}`);
  }
  if (differences.length === 0) return;
  throw new Failure('wrong_cluster', `${whose} is of another cluster: ${differences.join('; ')}`, {
    hint: 'A new cluster (initdb, pg_upgrade) needs a cluster directory of its own on both archive hosts.',
  });
}

function formatRecord(record: ClusterRecord, nowMs: number): string {
  const json = {
    format: 1,
    cluster: record.cluster,
    systemIdentifier: formatSystemIdentifier(record.systemIdentifier),
    segmentSizeBytes: record.segmentSize,
    postgresMajor: record.postgresMajor,
    createdAt: new Date(nowMs).toISOString(),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

function parseRecord(text: string): ClusterRecord {
  const json = JSON.parse(text) as Record<string, unknown>;
  const { cluster, systemIdentifier, segmentSizeBytes, postgresMajor } = json;
  if (json.format !== 1) throw new Error(`format ${String(json.format)} is not 1`);
  if (typeof cluster !== 'string' || typeof systemIdentifier !== 'string') {
    throw new Error('cluster or systemIdentifier is missing');
  }
  if (typeof segmentSizeBytes !== 'number') throw new Error('segmentSizeBytes is missing');
  return {
    cluster,
    systemIdentifier: parseSystemIdentifier(systemIdentifier),
    segmentSize: parseSegmentSize(segmentSizeBytes),
    postgresMajor: typeof postgresMajor === 'number' ? postgresMajor : undefined,
  };
}
