import { describe, expect, test } from 'vitest';
import {
  baseBackupArguments,
  chooseCompressionPlace,
} from '../../../packages/core/src/postgres/basebackup-arguments.ts';
import { chooseProgram } from '../../../packages/core/src/postgres/find-basebackup.ts';
import { parseProgramVersion } from '../../../packages/core/src/postgres/installed-programs.ts';
import { libpqEnvironment } from '../../../packages/core/src/postgres/libpq-environment.ts';

describe('pg_basebackup', () => {
  test.each([
    ['pg_basebackup (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)', 15],
    ['pg_basebackup (PostgreSQL) 18.1', 18],
    ['pg_basebackup (PostgreSQL) 19beta1', 19],
    ['psql (PostgreSQL) 15.18', undefined],
    ['', undefined],
  ])('of %j is of version %s', (output, major) => {
    expect(parseProgramVersion('pg_basebackup', output)).toBe(major);
  });

  test('is that of the server’s version, else the next newer one, never an older one', () => {
    const found = [17, 13, 15].map((major) => ({ path: `/${major}`, major, version: '' }));
    expect(chooseProgram(found, 15)?.major).toBe(15);
    expect(chooseProgram(found, 14)?.major).toBe(15);
    expect(chooseProgram(found, 16)?.major).toBe(17);
    expect(chooseProgram(found, 18)).toBeUndefined();
  });

  test('compresses at the server where both can', () => {
    expect(chooseCompressionPlace(15, 15)).toBe('server');
    expect(chooseCompressionPlace(14, 15)).toBe('client');
    expect(chooseCompressionPlace(14, 14)).toBe('local');
  });

  test('is told what to do, and never to write the plain format', () => {
    const args = baseBackupArguments({
      conninfo: { host: 'db1', user: 'backup', application_name: 'base backup' },
      directory: '/storage/main/data.master.7.partial',
      major: 15,
      label: 'x',
      compression: 'server',
      compressionLevel: 1,
      compressionWorkers: 2,
      checksums: 'CRC32C',
      checkpoint: 'fast',
      maxRate: '100M',
    });
    expect(args).toContain('--format=tar');
    expect(args).toContain('--compress=server-zstd:level=1,workers=2');
    expect(args).toContain(`--dbname=host=db1 user=backup application_name='base backup'`);
  });

  test('gets no secret and no setting of the runtime, and speaks English', () => {
    const given = {
      PATH: '/bin',
      PGPASSWORD: 'x',
      PGPASSFILE: '/p',
      BUN_X: '1',
      LC_ALL: 'de_DE',
      LANG: 'de',
      PGSSLMODE: 'require',
    };
    expect(libpqEnvironment(given)).toEqual({ PATH: '/bin', PGPASSFILE: '/p', PGSSLMODE: 'require', LC_ALL: 'C' });
  });
});
