import { execFileSync } from 'node:child_process';
import { assert, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rewriteAutoConf } from '../../../packages/core/src/restore/server/auto-conf.ts';
import { type ControlData, parseControlData } from '../../../packages/core/src/restore/server/control-data.ts';
import { drillConfig, drillSharedBuffers } from '../../../packages/core/src/restore/server/drill-config.ts';
import { missingMinimums } from '../../../packages/core/src/restore/server/primary-minimums.ts';
import { recoverySettings, signalFile } from '../../../packages/core/src/restore/server/recovery-settings.ts';
import { type RecoveryTarget, targetSettings } from '../../../packages/core/src/restore/server/recovery-target.ts';
import { formatRestoreCommand, type WalSource } from '../../../packages/core/src/restore/server/restore-command.ts';
import { formatSettings, quoteSettingValue } from '../../../packages/core/src/restore/server/settings-text.ts';
import { parseLsn } from '../../../packages/core/src/wal/lsn.ts';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';

const source: WalSource = {
  program: ['/usr/local/bin/restore_cmd'],
  hosts: ['archive@arch1', 'arch2:2222'],
  walDirectory: '/storage/main/logs.complete',
  cluster: 'main',
};

/** As guc-file.l reads a quoted value. */
function unquote(quoted: string): string {
  const escapes: Record<string, string> = { n: '\n', r: '\r' };
  return quoted.slice(1, -1).replaceAll(/''|\\(.)/g, (pair, escaped: string | undefined) => {
    if (escaped === undefined) return pair.slice(1);
    return escapes[escaped] ?? escaped;
  });
}

describe('restore_command', () => {
  test('names the hosts, the directory and the cluster, and leaves %f and %p to PostgreSQL', () => {
    expect(formatRestoreCommand(source)).toBe(
      "/usr/local/bin/restore_cmd --cluster=main 'archive@arch1 arch2:2222' /storage/main/logs.complete %f %p",
    );
  });

  test('says how long it insists, where it looks first, and whose agent it uses', () => {
    const all = {
      ...source,
      localDirectory: '/storage/main/logs.complete',
      onUnavailable: 'end',
      unavailableTimeoutSeconds: 60,
      remoteProgram: '/opt/archive2/bin/archive_remote_cmd',
      agent: { stateDirectory: '/scratch/state', idleSeconds: 30 },
    } as const;
    expect(formatRestoreCommand(all)).toContain(
      '--cluster=main --local-dir=/storage/main/logs.complete --on-unavailable=end --unavailable-timeout=60 ' +
        '--remote-cmd=/opt/archive2/bin/archive_remote_cmd --state-dir=/scratch/state --agent-idle=30 ',
    );
    expect(formatRestoreCommand({ ...source, hosts: [], agent: 'none' })).toContain(
      '--only-local --no-agent localhost ',
    );
  });

  test('whatever is in its words, the shell and PostgreSQL hand them over unchanged', () => {
    const word = string({ minLength: 1, maxLength: 20 }).filter(
      (text) => !/[\0\n]/.test(text) && !text.startsWith('-'),
    );
    assert(
      property(word, (text) => {
        const program = ['/usr/bin/printf', '%s\\0', text, '--'];
        const [echoed] = [formatRestoreCommand({ ...source, program })]
          // As PostgreSQL replaces them.
          .map((command) => command.replaceAll(/%(.)/g, (_, letter: string) => (letter === '%' ? '%' : `[${letter}]`)))
          .map((command) => execFileSync('/bin/sh', ['-c', command]).toString().split('\0'));
        expect(echoed?.[0]).toBe(text);
        expect(echoed?.slice(-3, -1)).toEqual(['[f]', '[p]']);
      }),
      { numRuns: 40 },
    );
  });
});

describe('settings', () => {
  test('whatever a value is, PostgreSQL reads it as it was', () => {
    assert(
      property(string(), (value) => {
        const quoted = quoteSettingValue(value);
        expect(quoted).not.toMatch(/[\n\r]/);
        expect(unquote(quoted)).toBe(value);
      }),
    );
  });

  test.each<[RecoveryTarget, string, string]>([
    [{ kind: 'immediate' }, 'recovery_target', 'immediate'],
    [
      { kind: 'time', timeMs: Date.UTC(2026, 10, 21, 10, 7, 21, 50), inclusive: true },
      'recovery_target_time',
      '2026-11-21 10:07:21.050+00',
    ],
    [{ kind: 'lsn', lsn: parseLsn('A/FE000028'), inclusive: false }, 'recovery_target_lsn', 'A/FE000028'],
    [{ kind: 'xid', xid: '733', inclusive: true }, 'recovery_target_xid', '733'],
    [{ kind: 'name', name: "before 'it'" }, 'recovery_target_name', "before 'it'"],
  ])('of the target %o come last, after the other kinds were cleared', (target, name, value) => {
    const settings = targetSettings(target, 'latest', 'pause');
    expect(Object.entries(settings).at(-1)).toEqual([name, value]);
    const others = Object.entries(settings).filter(([other]) =>
      /^recovery_target(_time|_lsn|_name|_xid)?$/.test(other),
    );
    expect(others.filter(([, text]) => text !== '')).toEqual([[name, value]]);
    expect(others).toHaveLength(5);
    expect(settings['recovery_target_inclusive']).toBe('inclusive' in target && !target.inclusive ? 'off' : 'on');
  });

  test('of a recovery take away what the old server did, and archiving unless it takes its place', () => {
    const recovery = {
      source,
      target: { kind: 'latest' },
      timeline: 'latest',
      action: 'promote',
      mode: 'recovery',
      archiving: 'off',
      major: 15,
    } as const;
    const settings = recoverySettings(recovery);
    expect(settings).toMatchObject({
      archive_mode: 'off',
      primary_conninfo: '',
      recovery_end_command: '',
      archive_cleanup_command: '',
      promote_trigger_file: '',
      recovery_target_timeline: 'latest',
    });
    expect(recoverySettings({ ...recovery, major: 16 })).not.toHaveProperty('promote_trigger_file');
    const takenOver = recoverySettings({ ...recovery, archiving: 'as configured', mode: 'standby' });
    expect(takenOver).not.toHaveProperty('archive_mode');
    expect(takenOver).not.toHaveProperty('synchronous_standby_names');
    expect([signalFile(recovery), signalFile({ mode: 'standby' })]).toEqual(['recovery.signal', 'standby.signal']);
  });
});

describe('postgresql.auto.conf', () => {
  const old = "# Do not edit this file manually!\nwork_mem = '5MB'\nRESTORE_COMMAND 'cp a b'\narchive_mode=on\n";

  test('keeps what ALTER SYSTEM had set otherwise, drops what would have a say, and ends with ours', () => {
    const { text, dropped } = rewriteAutoConf(old, { restore_command: "it's", archive_mode: 'off' });
    expect(dropped).toEqual(["RESTORE_COMMAND 'cp a b'", 'archive_mode=on']);
    expect(text.split('\n')).toEqual([
      '# Do not edit this file manually!',
      "work_mem = '5MB'",
      expect.stringContaining('# archive2'),
      "restore_command = 'it''s'",
      "archive_mode = 'off'",
      '',
    ]);
  });

  test('a second time gives the same, and says that nothing of the backup’s was dropped', () => {
    const settings = { restore_command: 'x', archive_mode: 'off' };
    const once = rewriteAutoConf(old, settings).text;
    expect(rewriteAutoConf(once, settings)).toEqual({ text: once, dropped: [] });
    expect(rewriteAutoConf('', settings).text).toMatch(/^# archive2/);
  });
});

const printed = `pg_control version number:            1300
Database system identifier:           7710547627397989049
Database cluster state:               in production
Latest checkpoint location:           0/3000060
Latest checkpoint's TimeLineID:       2
Minimum recovery ending location:     0/0
max_connections setting:              200
max_worker_processes setting:         8
max_wal_senders setting:              4
max_prepared_xacts setting:           3
max_locks_per_xact setting:           64
Data page checksum version:           1
`;

describe('what pg_controldata prints', () => {
  test('is read', () => {
    expect(parseControlData(printed)).toEqual({
      state: 'in production',
      systemIdentifier: '7710547627397989049',
      checkpointLsn: 0x3000060n,
      timeline: 2,
      minRecoveryLsn: undefined,
      pageChecksumVersion: 1,
      primarySettings: {
        max_connections: 200,
        max_worker_processes: 8,
        max_wal_senders: 4,
        max_prepared_transactions: 3,
        max_locks_per_transaction: 64,
      },
    });
    expect(() => parseControlData(printed.replace('max_locks', 'min_locks'))).toThrow(
      expect.objectContaining({ code: 'damaged' }),
    );
  });

  test('raises what the files give lower than the primary had it, and nothing else', () => {
    const control: ControlData = parseControlData(printed);
    expect(missingMinimums(control, () => undefined)).toEqual({
      max_connections: '200',
      max_prepared_transactions: '3',
    });
    expect(missingMinimums(control, (name) => (name === 'max_connections' ? '300' : '2'))).toEqual({
      max_worker_processes: '8',
      max_wal_senders: '4',
      max_prepared_transactions: '3',
      max_locks_per_transaction: '64',
    });
  });
});

describe('the configuration of a drill', () => {
  const drill = {
    source,
    target: { kind: 'latest' },
    timeline: 'latest',
    control: parseControlData(printed),
    major: 15,
    socketDirectory: '/scratch/s',
    directory: '/scratch/c',
    sharedBuffersBytes: drillSharedBuffers(256 * 2 ** 20),
    segmentSize: parseSegmentSize(2 ** 24),
    more: { shared_preload_libraries: 'timescaledb' },
  } as const;

  test('lets nobody in from elsewhere, archives nothing, acts on nobody, and has a person’s words last', () => {
    const files = drillConfig(drill);
    expect(Object.keys(files)).toEqual(['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf']);
    const text = files['postgresql.conf'] ?? '';
    const has = {
      listen_addresses: '',
      archive_mode: 'off',
      max_logical_replication_workers: '0',
      shared_buffers: '65536kB',
    };
    for (const line of formatSettings({ ...has, max_prepared_transactions: '3', hot_standby: 'off' }).split('\n'))
      expect(text).toContain(line);
    expect(text.match(/shared_preload_libraries.*/g)).toEqual(["shared_preload_libraries = 'timescaledb'"]);
  });
});
