import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { formatConninfo, parseConninfo, refuseSecrets } from '../../../packages/core/src/postgres/conninfo.ts';
import { type LoginDefaults, planLogins } from '../../../packages/core/src/postgres/login-attempts.ts';
import { findPassword } from '../../../packages/core/src/postgres/password-file.ts';
import { findService } from '../../../packages/core/src/postgres/service-file.ts';

const defaults: LoginDefaults = {
  environment: {},
  userName: 'archive',
  applicationName: 'backup-queue',
  connectTimeoutMs: 5000,
  wish: 'any',
};

function usageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof Failure && error.code === 'usage') return `${error.message} ${error.hint}`;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a connection string', () => {
  test('is keyword=value words, with quotes, backslashes and spaces as in libpq', () => {
    const text = String.raw` host=db1  user = backup dbname='my \'db\\' options=-c\ a=b application_name=it's service=''`;
    expect(parseConninfo(text)).toEqual({
      host: 'db1',
      user: 'backup',
      dbname: String.raw`my 'db\ `.trimEnd(),
      options: '-c a=b',
      application_name: "it's",
      service: '',
    });
    expect(parseConninfo('')).toEqual({});
  });

  test('is a URI, also with several hosts, IPv6 and a socket directory', () => {
    expect(parseConninfo('postgresql://backup%40x@db1:5433,[::1]:5434/post%20gres?sslmode=require&ssl=true')).toEqual({
      host: 'db1,::1',
      port: '5433,5434',
      user: 'backup@x',
      dbname: 'post gres',
      sslmode: 'require',
    });
    expect(parseConninfo('postgres://%2Frun%2Fpostgresql/q')).toEqual({ host: '/run/postgresql', dbname: 'q' });
    expect(parseConninfo('postgresql://')).toEqual({});
    expect(parseConninfo('postgresql:///q?host=/tmp')).toEqual({ host: '/tmp', dbname: 'q' });
  });

  test.each([
    'host',
    'host=a b',
    "host='a",
    "host='a'b",
    '=a',
    'hots=a',
    'postgresql://a:b:c/',
    'postgresql://%zz/',
    'postgresql:///?x',
  ])('is not %s', (text) => {
    expect(usageOf(() => parseConninfo(text))).toContain('postgresql://backup@db1,db2/postgres');
  });

  test('comes back from its words', () => {
    const keyword = fc.constantFrom('host', 'user', 'dbname', 'options', 'application_name');
    fc.assert(
      fc.property(fc.dictionary(keyword, fc.string({ unit: 'binary-ascii' })), (settings) => {
        expect(parseConninfo(formatConninfo(settings))).toEqual({ ...settings });
      }),
    );
  });

  test.each(['password=x', 'postgresql://backup:x@db1/', 'sslpassword=x', 'postgresql://db1/?password=x'])(
    'with a secret is refused, with a hint to .pgpass, and without repeating it: %s',
    (text) => {
      const told = usageOf(() => refuseSecrets(parseConninfo(text)));
      expect(told).toContain('.pgpass');
      expect(told).not.toContain('x@');
    },
  );
});

describe('the logins of a connection string', () => {
  test('are one for each host, in order, with its port or the one port', () => {
    const hosts = (text: string) =>
      planLogins(parseConninfo(text), defaults).servers.map(([login]) => `${login?.host}:${login?.port}`);
    expect(hosts('host=db1,db2 port=5433')).toEqual(['db1:5433', 'db2:5433']);
    expect(hosts('host=db1,db2 port=5433,')).toEqual(['db1:5433', 'db2:5432']);
    expect(hosts('')).toEqual(['/var/run/postgresql:5432']);
    expect(usageOf(() => hosts('host=a,b,c port=1,2'))).toContain('3 hosts and 2 ports');
    expect(usageOf(() => hosts('port=0'))).toContain('port');
  });

  test('fall back between TLS and none only where sslmode lets them, and use none over a socket', () => {
    const uses = (sslmode: string, host = 'db1') =>
      planLogins({ host, sslmode }, defaults).servers.flatMap((logins) => logins.map(({ tls }) => tls));
    expect(uses('prefer')).toEqual(['encrypt', 'off']);
    expect(uses('allow')).toEqual(['off', 'encrypt']);
    expect(uses('require')).toEqual(['encrypt']);
    expect(uses('verify-full')).toEqual(['verify-full']);
    expect(uses('verify-full', '/tmp')).toEqual(['off']);
    expect(usageOf(() => uses('yes'))).toContain('sslmode');
  });

  test('take from the environment what the string leaves open, and the account’s name for the rest', () => {
    const environment = { PGHOST: 'db9', PGUSER: 'pg', PGCONNECT_TIMEOUT: '7', PGTARGETSESSIONATTRS: 'standby' };
    const [open] = planLogins({}, { ...defaults, environment }).servers.flat();
    expect(open).toMatchObject({ host: 'db9', user: 'pg', database: 'pg', connectTimeoutMs: 7000 });
    const own = planLogins(
      { host: 'db1', user: 'u', dbname: 'd', target_session_attrs: 'any' },
      { ...defaults, environment },
    );
    expect(own).toMatchObject({ wish: 'any', servers: [[{ host: 'db1', user: 'u', database: 'd' }, {}]] });
    expect(planLogins({}, defaults).servers.flat()[0]).toMatchObject({ user: 'archive', database: 'archive' });
  });
});

describe('a service', () => {
  const text = '# all\n[one]\nhost=a\n\n[two]\n host = b\nport=1\n[one]\nhost=c\n';
  test('is the first section of its name', () => {
    expect(findService(text, 'one')).toEqual({ host: 'a' });
    expect(findService(text, 'two')).toEqual({ host: 'b', port: '1' });
    expect(findService(text, 'three')).toBeUndefined();
  });
});

describe('a password', () => {
  const question = { host: 'db1', port: 5432, database: 'q', user: 'u' };
  test.each([
    ['db1:5432:q:u:secret', 'secret'],
    ['*:*:*:*:a:b', 'a:b'],
    ['*:*:*:*:a\\:\\\\b', 'a:\\b'],
    ['#db1:5432:q:u:no\ndb1:5433:q:u:no\ndb1:*:q:u:yes\n*:*:*:*:no', 'yes'],
    ['db2:*:*:*:no', undefined],
    ['', undefined],
    ['nonsense', undefined],
  ])('is found by the first line that fits: %j', (text, password) => {
    expect(findPassword(text, question)).toBe(password);
  });
});
