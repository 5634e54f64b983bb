import { describe, expect, test } from 'vitest';
import { judgeServer, type ServerSettings } from '../../../packages/archive_cmd/src/check/check-server.ts';
import { compareHosts } from '../../../packages/archive_cmd/src/check/run-check.ts';
import { parseHostList } from '../../../packages/core/src/hosts/host-spec.ts';

const good: ServerSettings = {
  archiveMode: 'on',
  archiveCommand: 'archive_cmd "arch1 arch2" /storage/main/logs.complete %p %f main',
  archiveLibrary: '',
  walLevel: 'replica',
  systemIdentifier: '7710547627397989049',
};

const problems = (settings: Partial<ServerSettings>, archives: (string | undefined)[] = []) =>
  judgeServer({ ...good, ...settings }, archives)
    .filter(({ verdict }) => verdict === 'problem')
    .map(({ what }) => what);

describe('the server’s settings', () => {
  test('that archive are no problem, whatever is not known of the archive yet', () => {
    expect(problems({}, [undefined, good.systemIdentifier])).toEqual([]);
    expect(problems({ archiveMode: 'always', archiveLibrary: undefined })).toEqual([]);
  });

  test('are a problem when nothing is archived, when a library archives instead, or when the WAL restores nothing', () => {
    expect(problems({ archiveMode: 'off' })).toEqual(['archive_mode is off: nothing is archived']);
    expect(problems({ archiveLibrary: 'basic_archive' })).toEqual([
      'archive_library is basic_archive, so archive_command is not used',
    ]);
    expect(problems({ walLevel: 'minimal' })).toEqual(['wal_level is minimal: its WAL restores nothing']);
  });

  test('are a problem when the archive holds another cluster', () => {
    expect(problems({}, ['1', good.systemIdentifier])).toEqual([
      `the server is cluster ${good.systemIdentifier}, the archive holds 1`,
    ]);
  });

  test('are worth a note when archive_command is empty or calls something else', () => {
    const last = (archiveCommand: string) => judgeServer({ ...good, archiveCommand }, []).at(-1);
    expect(last('')?.verdict).toBe('note');
    expect(last('cp %p /mnt/%f')?.verdict).toBe('note');
    expect(last(good.archiveCommand)?.verdict).toBe('ok');
  });
});

describe('two archive hosts', () => {
  const settings = { hosts: parseHostList('arch1 arch2') };
  const look = (storeId: string | undefined, systemIdentifier: string | undefined) => ({
    observations: [],
    storeId,
    systemIdentifier,
  });
  const verdicts = (...looks: ReturnType<typeof look>[]) => compareHosts(settings, looks).map(({ what }) => what);

  test('are no problem when they are two archives of one cluster, or still empty', () => {
    expect(verdicts(look('a', '1'), look('b', '1'))).toEqual([]);
    expect(verdicts(look('a', undefined), look('b', '1'))).toEqual([]);
    expect(verdicts(look(undefined, undefined), look('b', '1'))).toEqual([]);
  });

  test('are a problem when they are one archive under two names', () => {
    expect(verdicts(look('a', '1'), look('a', '1'))).toEqual(['arch1 and arch2 are one and the same archive']);
  });

  test('are a problem when they hold two clusters', () => {
    expect(verdicts(look('a', '1'), look('b', '2'))).toEqual(['arch1 and arch2 hold different clusters (1, 2)']);
  });
});
