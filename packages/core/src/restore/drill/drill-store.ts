import { mkdir, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../../base/failure.ts';
import { replaceFileDurably } from '../../files/atomic-file.ts';
import { syncDirectory } from '../../files/directory-sync.ts';
import { drillFormat, drillToJson } from './drill-json.ts';
import type { DrillReport } from './drill-report.ts';

/** As many reports stay of each cluster. */
const keptDrills = 100;
const fileName = /^\d{8}T\d{6}Z-[0-9a-f-]{36}\.json$/;

/** What a reader wants of a drill that was recorded: the JSON has all of it, see docs/backup-verify.md. */
export interface RecordedDrill {
  readonly id: string;
  readonly ok: boolean;
  readonly problem: string | undefined;
  readonly cluster: string;
  readonly host: string;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly backup: RecordedBackup | undefined;
  readonly rtoMs: number | undefined;
  readonly rpoMs: number | undefined;
  readonly databases: readonly { name: string; sizeBytes: number; tables: number }[];
  readonly checks: readonly { name: string; ok: boolean; value: string | undefined; problem: string | undefined }[];
}

interface RecordedBackup {
  readonly host: string;
  readonly name: string;
  readonly manifestSha256: string | undefined;
}

/**
 * The reports of drills in a directory: `drills/<cluster>` of a state directory, `state/drills` of an archive. A file for each, whose
 * name begins with the time at which the drill did.
 */
export class DrillStore {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Durable on return; the oldest beyond a hundred are removed. Returns the report's path. */
  async add(report: DrillReport, nowMs: number): Promise<string> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const path = join(this.directory, nameOf(report));
    await replaceFileDurably(path, `${JSON.stringify(drillToJson(report), null, 2)}\n`, nowMs);
    const names = await this.names();
    for (const name of names.slice(keptDrills)) await unlink(join(this.directory, name));
    await syncDirectory(this.directory);
    return path;
  }

  /** Newest first. Files that are no reports of this version are passed over. */
  async list(limit = keptDrills): Promise<RecordedDrill[]> {
    const drills: RecordedDrill[] = [];
    for (const name of (await this.names()).slice(0, limit)) {
      const drill = await readDrill(join(this.directory, name));
      if (drill !== undefined) drills.push(drill);
    }
    return drills;
  }

  private async names(): Promise<string[]> {
    try {
      const names = await readdir(this.directory);
      return names
        .filter((name) => fileName.test(name))
        .toSorted()
        .toReversed();
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }
}

function nameOf({ startedMs, id }: DrillReport): string {
  const time = new Date(startedMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return `${time}-${id}.json`;
}

async function readDrill(path: string): Promise<RecordedDrill | undefined> {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    // Removed by a drill that ended just now, or not ours.
    if (systemErrorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (json['format'] !== drillFormat) return undefined;
  const backup = json['backup'] as Record<string, unknown> | null;
  const problem = json['problem'] as { message: string } | null;
  return {
    id: String(json['id']),
    ok: json['ok'] === true,
    problem: problem?.message,
    cluster: String(json['cluster']),
    host: String(json['host']),
    startedMs: Date.parse(String(json['startedAt'])),
    endedMs: Date.parse(String(json['endedAt'])),
    backup:
      backup === null
        ? undefined
        : {
            host: String(backup['host']),
            name: String(backup['name']),
            manifestSha256: text(backup['manifestSha256']),
          },
    rtoMs: number(json['rtoMs']),
    rpoMs: number(json['rpoMs']),
    databases: (json['databases'] as RecordedDrill['databases']) ?? [],
    checks: ((json['checks'] as Record<string, unknown>[]) ?? []).map((check) => ({
      name: String(check['name']),
      ok: check['ok'] === true,
      value: text(check['value']),
      problem: text(check['problem']),
    })),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
