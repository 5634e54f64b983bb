import { chownSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConnectSettings, connect } from '../../packages/core/src/postgres/connect.ts';
import { parseConninfo } from '../../packages/core/src/postgres/conninfo.ts';
import { command } from '../support/command.ts';
import { QueueServer, queueLogin } from '../support/queue-server.ts';

const settings: ConnectSettings = { ...queueLogin, wish: 'any', queryTimeoutMs: 5_000 };

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Logs in and tells how: whether over TLS, and to which database. */
async function logIn(
  conninfo: string,
  more: Partial<ConnectSettings> = {},
): Promise<{ tls: boolean; database: string }> {
  const connection = await connect(parseConninfo(conninfo), { ...settings, ...more });
  try {
    const sql = 'SELECT ssl AS tls, current_database() AS database FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
    const { rows } = await connection.query<{ tls: boolean; database: string }>(sql);
    return rows[0] ?? { tls: false, database: '' };
  } finally {
    await connection.end();
  }
}

describe('a login by connection string', () => {
  let server: QueueServer;
  let port: number;
  let at: string;
  beforeAll(async () => {
    server = QueueServer.start();
    port = await freePort();
    const { directory } = server;
    const { uid, gid } = statSync(`${directory}/data`);
    // An authority, and a certificate of it for "localhost".
    const make = (...args: string[]) => command(['openssl', ...args]);
    const key = ['-newkey', 'rsa:2048', '-nodes', '-days', '2'];
    await make(
      'req',
      '-x509',
      ...key,
      '-subj',
      '/CN=authority',
      '-keyout',
      `${directory}/ca.key`,
      '-out',
      `${directory}/ca.crt`,
    );
    await make(
      'req',
      '-x509',
      ...key,
      '-subj',
      '/CN=stranger',
      '-keyout',
      `${directory}/no.key`,
      '-out',
      `${directory}/no.crt`,
    );
    await make(
      'req',
      ...key.slice(0, 3),
      '-subj',
      '/CN=localhost',
      '-keyout',
      `${directory}/s.key`,
      '-out',
      `${directory}/s.csr`,
    );
    writeFileSync(`${directory}/ext`, 'subjectAltName=DNS:localhost');
    const by = [
      '-CA',
      `${directory}/ca.crt`,
      '-CAkey',
      `${directory}/ca.key`,
      '-CAcreateserial',
      '-extfile',
      `${directory}/ext`,
    ];
    await make('x509', '-req', '-in', `${directory}/s.csr`, ...by, '-days', '2', '-out', `${directory}/s.crt`);
    chownSync(`${directory}/s.key`, uid, gid);
    const hba = `${directory}/data/pg_hba.conf`;
    writeFileSync(
      hba,
      `hostnossl all encrypted all reject\nhostssl all plain all reject\n${readFileSync(hba, 'utf8')}`,
    );
    server.sql('CREATE ROLE encrypted LOGIN; CREATE ROLE plain LOGIN');
    server.stop();
    server.startAgain([
      'listen_addresses=127.0.0.1',
      `port=${port}`,
      'ssl=on',
      `ssl_cert_file=${directory}/s.crt`,
      `ssl_key_file=${directory}/s.key`,
    ]);
    at = `host=localhost port=${port} dbname=postgres`;
  });
  afterAll(() => server?.remove());

  test('is over TLS where the server has it, and not where it is unwanted', async () => {
    expect(await logIn(`${at} user=postgres`)).toEqual({ tls: true, database: 'postgres' });
    expect(await logIn(`${at} user=postgres sslmode=disable`)).toMatchObject({ tls: false });
    expect(await logIn(`${at} user=postgres sslmode=allow`)).toMatchObject({ tls: false });
    expect(await logIn(`postgresql://postgres@localhost:${port}/postgres?sslmode=require`)).toMatchObject({
      tls: true,
    });
    expect(await logIn(`host=${server.directory} port=${port} user=postgres`)).toMatchObject({ tls: false });
  });

  test('falls back when pg_hba.conf wants the other one, as sslmode allows', async () => {
    expect(await logIn(`${at} user=plain`)).toMatchObject({ tls: false });
    expect(await logIn(`${at} user=encrypted sslmode=allow`)).toMatchObject({ tls: true });
    await expect(logIn(`${at} user=encrypted sslmode=disable`)).rejects.toMatchObject({ code: '28000' });
    await expect(logIn(`${at} user=plain sslmode=require`)).rejects.toMatchObject({ code: '28000' });
  });

  test('verifies the server’s certificate, and with verify-full its name', async () => {
    const ca = `sslrootcert=${server.directory}/ca.crt`;
    const other = `sslrootcert=${server.directory}/no.crt`;
    const byAddress = at.replace('localhost', '127.0.0.1');
    expect(await logIn(`${at} user=postgres sslmode=verify-full ${ca}`)).toMatchObject({ tls: true });
    expect(await logIn(`${byAddress} user=postgres sslmode=verify-ca ${ca}`)).toMatchObject({ tls: true });
    await expect(logIn(`${byAddress} user=postgres sslmode=verify-full ${ca}`)).rejects.toThrow();
    await expect(logIn(`${at} user=postgres sslmode=verify-ca ${other}`)).rejects.toThrow();
    await expect(logIn(`${at} user=postgres sslmode=require ${other}`)).rejects.toThrow();
    await expect(logIn(`${at} user=postgres sslmode=verify-full sslrootcert=/nowhere`)).rejects.toThrow('/nowhere');
    // The name counts, not the address that is connected to.
    const named = `host=localhost hostaddr=127.0.0.1 port=${port} dbname=postgres`;
    expect(await logIn(`${named} user=postgres sslmode=verify-full ${ca}`)).toMatchObject({ tls: true });
  });

  test('goes to the first host that answers and has the wanted role', async () => {
    const closed = await freePort();
    const two = `host=localhost,localhost port=${closed},${port} dbname=postgres user=postgres`;
    expect(await logIn(two)).toMatchObject({ database: 'postgres' });
    expect(await logIn(`${two} target_session_attrs=read-write`)).toMatchObject({ database: 'postgres' });
    expect(await logIn(`${two} target_session_attrs=prefer-standby`)).toMatchObject({ database: 'postgres' });
    await expect(logIn(`${two} target_session_attrs=standby`)).rejects.toThrow('is not standby');
    await expect(logIn(`${at} user=postgres target_session_attrs=read-only`)).rejects.toThrow('is not read-only');
    const readOnly = `${at} user=postgres options='-c default_transaction_read_only=on'`;
    await expect(logIn(`${readOnly} target_session_attrs=read-write`)).rejects.toThrow('is not read-write');
  });

  test('takes the host, the user and the password file of the environment', async () => {
    const environment = { PGHOST: 'localhost', PGPORT: `${port}`, PGUSER: 'plain', PGDATABASE: 'postgres' };
    expect(await logIn('', { environment })).toMatchObject({ tls: false, database: 'postgres' });
  });
});
