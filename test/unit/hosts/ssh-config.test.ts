import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { findPasswdEntry } from '../../../packages/core/src/base/passwd.ts';
import { parseHostSpec } from '../../../packages/core/src/hosts/host-spec.ts';
import { readLocalIdentity } from '../../../packages/core/src/hosts/local-identity.ts';
import { parseSshConfig } from '../../../packages/core/src/hosts/ssh-config.ts';
import { type ConfigFs, readSshConfig } from '../../../packages/core/src/hosts/ssh-config-file.ts';
import type { LocalIdentity } from '../../../packages/core/src/hosts/ssh-config-tokens.ts';
import { resolveSshTarget } from '../../../packages/core/src/hosts/ssh-target.ts';
import { refusal } from './refusal.ts';

const local: LocalIdentity = { userName: 'postgres', homeDirectory: '/home/pg', uid: 114, hostName: 'db1.example.org' };

const target = (text: string, spec = 'archive1') =>
  resolveSshTarget(parseHostSpec(spec), [parseSshConfig(text, 'config')], local);

/** A file system of these files only. */
function files(content: Record<string, string>): ConfigFs {
  const missing = () => Object.assign(new Error('no such file'), { code: 'ENOENT' });
  return {
    async readFile(path) {
      const text = content[path];
      if (text === undefined) throw missing();
      if (text === 'unreadable') throw Object.assign(new Error('permission denied'), { code: 'EACCES' });
      return text;
    },
    async readdir(path) {
      const names = Object.keys(content).filter((name) => name.startsWith(`${path}/`));
      if (names.length === 0) throw missing();
      return [...new Set(names.map((name) => name.slice(path.length + 1).split('/')[0] ?? ''))];
    },
  };
}

const targetIn = async (content: Record<string, string>, spec = 'archive1') =>
  resolveSshTarget(parseHostSpec(spec), await readSshConfig(files(content), '/home/pg'), local);

describe('a line of ssh_config', () => {
  test.each([
    ['Port 22', ['22']],
    ['port=22', ['22']],
    ['  PORT = 22  ', ['22']],
    ['\tport\t22\r', ['22']],
    ['"Port" 22', ['22']],
    ['Port "22" # why', ['22']],
    ['Port a\\ b', ['a b']],
    ['Port \'a b\' "c d"', ['a b', 'c d']],
    ['Port "a\\"b"', ['a"b']],
    ['Port a#b', ['a#b']],
    ['Port ==', ['=']],
  ])('%j has the arguments %j', (text, args) => {
    expect(parseSshConfig(text, 'f')).toEqual([{ keyword: 'port', args, place: 'f:1' }]);
  });

  test('empty lines and comments are counted but are no lines', () => {
    expect(parseSshConfig('# a\n\n  # b\nUser x\n', 'f')).toEqual([{ keyword: 'user', args: ['x'], place: 'f:4' }]);
  });

  test.each([
    ['User "x', 'f:1: a quote is not closed'],
    ['User', 'f:1: User has no argument'],
    ['User # x', 'f:1: User has no argument'],
    ['= x', 'f:1: the line cannot be read'],
  ])('%j is refused', async (text, message) => {
    const failure = await refusal(() => parseSshConfig(text, 'f'));
    expect([failure.code, failure.message]).toEqual(['bad_ssh_config', message]);
  });

  test('any text is parsed or refused, nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          parseSshConfig(text, 'f');
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
        }
      }),
    );
  });
});

describe('a target', () => {
  test("without configuration it has ssh's defaults", () => {
    expect(target('')).toEqual({
      spec: { text: 'archive1', host: 'archive1' },
      hostName: 'archive1',
      port: 22,
      user: 'postgres',
      addressFamily: 'any',
      identityFiles: ['/home/pg/.ssh/id_ed25519', '/home/pg/.ssh/id_ecdsa', '/home/pg/.ssh/id_rsa'],
      hasOwnIdentities: false,
      identitiesOnly: false,
      knownHostsFiles: [
        '/home/pg/.ssh/known_hosts',
        '/home/pg/.ssh/known_hosts2',
        '/etc/ssh/ssh_known_hosts',
        '/etc/ssh/ssh_known_hosts2',
      ],
      hostKeyName: 'archive1',
      hasHostKeyAlias: false,
      proxyJump: [],
    });
  });

  test('the spec wins over the configuration', () => {
    const found = target('User a\nPort 1', 'b@archive1:2');
    expect([found.user, found.port]).toEqual(['b', 2]);
  });

  test('the first value obtained counts, and IdentityFile adds up', () => {
    const found = target(
      'Host archive1\nUser a\nIdentityFile ~/k1\nHost *\nUser b\nPort 7\nIdentityFile /k/%u-%h-%r-%p-%d%%',
    );
    expect([found.user, found.port]).toEqual(['a', 7]);
    expect(found.identityFiles).toEqual(['/home/pg/k1', '/k/postgres-archive1-a-7-/home/pg%']);
  });

  test('known_hosts is asked for the real name, or for the HostKeyAlias', () => {
    expect(target('HostName 10.0.0.7').hostKeyName).toBe('10.0.0.7');
    expect(target('HostName 10.0.0.7\nHostKeyAlias Arch').hostKeyName).toBe('arch');
  });

  test('the files of known hosts can be named, several in a line, or none', () => {
    expect(target('UserKnownHostsFile ~/a "/b c"\nGlobalKnownHostsFile none').knownHostsFiles).toEqual([
      '/home/pg/a',
      '/b c',
    ]);
  });

  test('an agent can be named, be none, or be that of the environment', () => {
    expect(target('IdentityAgent ~/agent').identityAgent).toBe('/home/pg/agent');
    expect(target('IdentityAgent none').identityAgent).toBe('none');
    expect(target('IdentityAgent SSH_AUTH_SOCK').identityAgent).toBeUndefined();
    expect(target('IdentitiesOnly yes').identitiesOnly).toBe(true);
  });
});

describe('jump hosts', () => {
  const names = (found: ReturnType<typeof target>) =>
    found.proxyJump.map((jump) => `${jump.user}@${jump.hostName}:${jump.port}`);

  test('are resolved in their order, each with its own configuration', () => {
    const found = target('Host archive1\nProxyJump a,u@b:23\nHost a\nHostName 10.0.0.1\nUser j');
    expect(names(found)).toEqual(['j@10.0.0.1:22', 'u@b:23']);
  });

  test('the first one is reached through its own jump hosts', () => {
    expect(names(target('Host archive1\nProxyJump a\nHost a\nProxyJump b'))).toEqual([
      'postgres@b:22',
      'postgres@a:22',
    ]);
  });

  test('a "Host *" with a ProxyJump leaves out the jump host, or is refused: ssh calls it a loop too', async () => {
    expect(names(target('Host * !bastion\nProxyJump bastion'))).toEqual(['postgres@bastion:22']);
    const failure = await refusal(() => target('Host *\nProxyJump bastion'));
    expect(failure.message).toBe('config:2: more than 8 ProxyJump hosts lead to each other');
  });

  test('ProxyJump none keeps later ones away, and whichever of ProxyJump and ProxyCommand is first wins', () => {
    expect(names(target('ProxyJump none\nProxyJump a'))).toEqual([]);
    expect(names(target('ProxyCommand none\nProxyJump a'))).toEqual([]);
    expect(names(target('Host archive1\nProxyJump a\nProxyCommand nc %h %p'))).toEqual(['postgres@a:22']);
  });

  test('hosts that jump through each other are refused', async () => {
    const failure = await refusal(() => target('Host archive1 a\nProxyJump b\nHost b\nProxyJump a'));
    expect(failure.message).toBe('config:2: more than 8 ProxyJump hosts lead to each other');
  });

  test('a directive that cannot be honoured for the jump host is refused', async () => {
    const failure = await refusal(() => target('Host archive1\nProxyJump b\nHost b\nProxyCommand nc %h %p'));
    expect(failure.message).toMatch(/^config:4: /);
  });
});

describe('a directive that changes the destination or the trust', () => {
  test.each([
    'ProxyCommand nc %h %p',
    'StrictHostKeyChecking no',
    'StrictHostKeyChecking accept-new',
    'StrictHostKeyChecking off',
    'CertificateFile ~/c',
    'PKCS11Provider /lib/p.so',
    'VerifyHostKeyDNS yes',
    'KnownHostsCommand /bin/k',
    'RevokedHostKeys /etc/r',
    'CanonicalizeHostname yes',
    'NoHostAuthenticationForLocalhost yes',
    'BindAddress 10.0.0.1',
    'PubkeyAuthentication no',
    'FutureDirective x',
    'IdentityFile ~other/key',
    // biome-ignore format: the text is meant
    'IdentityFile ${HOME}/key',
    'IdentityFile %C',
    'AddressFamily inet5',
    'Port 0',
    'IdentitiesOnly maybe',
    'ProxyJump -oProxyCommand=id',
    'Match exec "true"\nPort 1',
    'Match localnetwork 10.0.0.0/8\nPort 1',
    'Match host archive1 exec true',
    'Match exec=true host archive1',
  ])('%j is refused with its line when it applies', async (directive) => {
    const failure = await refusal(() => target(`User a\n${directive}`));
    expect(failure.code).toBe('bad_ssh_config');
    expect(failure.message).toMatch(/^config:2: /);
  });

  test.each(['ProxyCommand nc %h %p', 'StrictHostKeyChecking no', 'FutureDirective x', 'Port 0'])(
    '%s is no matter in a block for other hosts',
    (directive) => {
      expect(target(`Host other\n${directive}\nHost archive1\nUser a`).user).toBe('a');
      expect(target(`Match exec true host other\n${directive}\nHost archive1\nUser a`).user).toBe('a');
    },
  );

  test.each([
    'ProxyCommand none',
    'StrictHostKeyChecking yes',
    'StrictHostKeyChecking ask',
    'VerifyHostKeyDNS no',
    'CanonicalizeHostname no',
    'ControlMaster auto',
    'ControlPath ~/.ssh/%C',
    'ServerAliveInterval 15',
    'IgnoreUnknown Future*,UseKeychain\nUseKeychain yes\nFutureDirective x',
  ])('%j is harmless', (directive) => {
    expect(target(directive).port).toBe(22);
  });

  test('an earlier harmless value keeps it from being obtained', () => {
    expect(target('Host archive1\nStrictHostKeyChecking yes\nHost *\nStrictHostKeyChecking no').port).toBe(22);
  });
});

describe('the files', () => {
  test("the user's file comes before the system's", async () => {
    const found = await targetIn({ '/home/pg/.ssh/config': 'User a', '/etc/ssh/ssh_config': 'User b\nPort 7' });
    expect([found.user, found.port]).toEqual(['a', 7]);
  });

  test("Debian's own ssh_config works", async () => {
    const found = await targetIn({
      '/etc/ssh/ssh_config':
        'Include /etc/ssh/ssh_config.d/*.conf\n\nHost *\n#   ForwardAgent no\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n    GSSAPIAuthentication yes\n',
      '/etc/ssh/ssh_config.d/20-a.conf': 'Port 20',
      '/etc/ssh/ssh_config.d/10-a.conf': 'Port 10',
      '/etc/ssh/ssh_config.d/.hidden.conf': 'Port 1',
      '/etc/ssh/ssh_config.d/05-a.bak': 'Port 5',
    });
    expect(found.port).toBe(10);
  });

  test("Red Hat's own ssh_config works", async () => {
    const found = await targetIn({
      '/etc/ssh/ssh_config': 'Include /etc/ssh/ssh_config.d/*.conf',
      '/etc/ssh/ssh_config.d/50-redhat.conf':
        'Match final all\nInclude /etc/crypto-policies/back-ends/openssh.config\nGSSAPIAuthentication yes\nForwardX11Trusted yes\nPort 9',
      '/etc/crypto-policies/back-ends/openssh.config':
        'Ciphers aes256-gcm@openssh.com\nRequiredRSASize 2048\nUser final',
    });
    expect([found.port, found.user]).toEqual([9, 'final']);
  });

  test('an Include in a block applies only where the block does, and the block goes on after it', async () => {
    const content = {
      '/home/pg/.ssh/config': 'Host archive1\nInclude more\nPort 8\nHost *\nUser z',
      '/home/pg/.ssh/more': 'Host archive2\nUser x\nHost *\nHostName real',
    };
    expect(await targetIn(content)).toMatchObject({ hostName: 'real', port: 8, user: 'z' });
    expect(await targetIn(content, 'archive2')).toMatchObject({ hostName: 'archive2', port: 22, user: 'z' });
  });

  test('an Include of a missing or unreadable file adds nothing', async () => {
    const content = {
      '/home/pg/.ssh/config': 'Include gone secret ~/x/*/y\nPort 8',
      '/home/pg/.ssh/secret': 'unreadable',
    };
    expect((await targetIn(content)).port).toBe(8);
  });

  test('a directory wildcard in an Include is expanded', async () => {
    const content = { '/home/pg/.ssh/config': 'Include hosts/*/conf', '/home/pg/.ssh/hosts/b/conf': 'Port 8' };
    expect((await targetIn(content)).port).toBe(8);
  });

  test('a main file that cannot be read is refused', async () => {
    const failure = await refusal(() => targetIn({ '/home/pg/.ssh/config': 'unreadable' }));
    expect(failure.message).toBe('/home/pg/.ssh/config cannot be read (EACCES)');
  });

  test.each(['Include config', 'Include con*\nInclude con*'])('%j without end is refused', async (text) => {
    expect((await refusal(() => targetIn({ '/home/pg/.ssh/config': text }))).code).toBe('bad_ssh_config');
  });
});

describe('the same configuration read by ssh itself', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'ssh-config-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const name = fc.constantFrom('archive1', 'archive2', 'other');
  const pattern = fc.constantFrom('archive1', 'archive2', 'archive?', '*', '!archive1', 'arch*', '!*2', '10.0.0.*');
  const line = fc.oneof(
    fc.array(pattern, { minLength: 1, maxLength: 3 }).map((patterns) => `Host ${patterns.join(' ')}`),
    fc.constantFrom(
      'Match all',
      'Match final all',
      'Match host archive1,10.* user a',
      'Match !originalhost archive2',
      'Match user a,postgres',
    ),
    fc.constantFrom(
      'User a',
      'User=b',
      'Port 1',
      '  Port  =  2',
      'HostName 10.0.0.7',
      'HostName %h.example',
      'HostKeyAlias k',
    ),
    fc.constantFrom(
      'IdentityFile /k/%h',
      'IdentityFile "/k/a b"',
      'IdentityFile none',
      'IdentitiesOnly yes',
      'IdentityAgent none',
    ),
    fc.constantFrom(
      'ProxyJump j1',
      'ProxyJump u@j2:23',
      'ProxyJump j1',
      'ProxyJump u@j2:23',
      'ProxyJump none',
      'ProxyCommand none',
      'UserKnownHostsFile /a /b',
    ),
    fc.constantFrom('# note', '', 'SendEnv LANG LC_*', 'ForwardAgent yes # note', 'AddressFamily inet'),
  );

  test('gives the same target', { timeout: 60_000 }, async () => {
    const path = join(directory, 'config');
    const asMe = await readLocalIdentity();
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), name, (lines, host) => {
        // Without this the jump hosts would need themselves.
        const text = `Host j*\nProxyJump none\nHost *\n${lines.join('\n')}\n`;
        writeFileSync(path, text, { mode: 0o600 });
        const printed = execFileSync('ssh', ['-T', '-F', path, '-G', host], { encoding: 'utf8' });
        const values = (key: string) =>
          printed.split('\n').flatMap((row) => (row.startsWith(`${key} `) ? [row.slice(key.length + 1)] : []));
        const found = resolveSshTarget(parseHostSpec(host), [parseSshConfig(text, path)], asMe);
        expect(found.hostName).toBe(values('hostname')[0]);
        expect(String(found.port)).toBe(values('port')[0]);
        expect(found.user).toBe(values('user')[0]);
        expect(found.addressFamily).toBe(values('addressfamily')[0]);
        expect(found.identitiesOnly ? 'yes' : 'no').toBe(values('identitiesonly')[0]);
        expect(found.hasHostKeyAlias ? found.hostKeyName : undefined).toBe(values('hostkeyalias')[0]);
        if (found.hasOwnIdentities) {
          // ssh -G prints the tokens unexpanded, and each file once.
          const printedFiles = values('identityfile').filter((file) => file !== 'none');
          expect([...new Set(found.identityFiles)]).toEqual(
            printedFiles.map((file) => file.replace('%h', found.hostName)),
          );
        }
        const printedJump = values('proxyjump')[0];
        expect(found.proxyJump.at(-1)?.spec.text).toBe(printedJump);
        if (lines.includes('UserKnownHostsFile /a /b')) {
          expect(found.knownHostsFiles.slice(0, 2).join(' ')).toBe(
            values('userknownhostsfile')[0]?.replaceAll('~', asMe.homeDirectory),
          );
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('the local account', () => {
  test('is the one of passwd, whatever USER and HOME say', async () => {
    const printed = execFileSync('getent', ['passwd', String(process.getuid?.())], { encoding: 'utf8' });
    const found = await readLocalIdentity();
    expect(`${found.userName}:${found.homeDirectory}`).toBe(
      printed
        .trim()
        .split(':')
        .filter((_, i) => i === 0 || i === 5)
        .join(':'),
    );
  });

  test('is found by its user id', () => {
    const text = '\n# note\nbad\nroot:x:0:0:root:/root:/bin/sh\npg:x:114:120::/var/lib/pg:/bin/sh\n';
    expect(findPasswdEntry(text, 114)).toEqual({ userName: 'pg', homeDirectory: '/var/lib/pg' });
    expect(findPasswdEntry(text, 14)).toBeUndefined();
  });
});
