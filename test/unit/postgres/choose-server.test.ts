import { describe, expect, test } from 'vitest';
import { type Candidate, chooseServer } from '../../../packages/core/src/postgres/choose-server.ts';
import { lsnFromBytes } from '../../../packages/core/src/wal/lsn.ts';
import { systemIdentifierFromNumber } from '../../../packages/core/src/wal/system-identifier.ts';

const answer = (name: string, isStandby: boolean, lsn: number | undefined, system = 7n): Candidate<string> => ({
  server: name,
  name,
  facts: {
    isStandby,
    systemIdentifier: systemIdentifierFromNumber(system)!,
    versionNumber: 150_004,
    lsn: lsn === undefined ? undefined : lsnFromBytes(BigInt(lsn)),
  },
  problem: undefined,
});
const silent = (name: string): Candidate<string> => ({ server: name, name, facts: undefined, problem: 'refused' });
const primary = answer('primary', false, 1000);

const choose = (
  candidates: Candidate<string>[],
  wish: Parameters<typeof chooseServer>[1] = 'prefer-standby',
  lag = 100,
) => chooseServer(candidates, wish, lag).name;
const unavailable = expect.objectContaining({ code: 'server_unavailable' });

describe('the server that a backup is taken from', () => {
  test('is the nearest standby that is not too far behind, else the primary', () => {
    expect(choose([primary, answer('far', true, 899), answer('near', true, 950), answer('nearer', true, 960)])).toBe(
      'nearer',
    );
    expect(choose([primary, answer('far', true, 899)])).toBe('primary');
    expect(choose([primary, answer('edge', true, 900)])).toBe('edge');
    expect(choose([primary, answer('ahead', true, 1010)])).toBe('ahead');
    expect(choose([primary, answer('unknown', true, undefined)])).toBe('primary');
    expect(choose([silent('standby'), primary])).toBe('primary');
  });

  test('is no standby whose lag nobody knows, unless a standby is asked for', () => {
    expect(() => choose([silent('primary'), answer('standby', true, 950)])).toThrow(unavailable);
    expect(choose([silent('primary'), answer('standby', true, 950)], 'standby')).toBe('standby');
    expect(() => choose([primary, answer('far', true, 1)], 'standby')).toThrow(unavailable);
  });

  test('is what target_session_attrs asks for', () => {
    const both = [answer('standby', true, 990), primary];
    expect(choose(both, 'primary')).toBe('primary');
    expect(choose(both, 'read-write')).toBe('primary');
    expect(choose(both, 'read-only')).toBe('standby');
    expect(choose(both, 'any')).toBe('standby');
    expect(() => choose([primary], 'standby')).toThrow(unavailable);
    expect(() => choose([silent('a'), silent('b')], 'any')).toThrow('a does not answer (refused); b does not answer');
  });

  test('is none when the servers are of different clusters', () => {
    expect(() => choose([primary, answer('other', true, 990, 8n)])).toThrow(
      expect.objectContaining({ code: 'wrong_cluster' }),
    );
  });
});
