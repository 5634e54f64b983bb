import type { PatroniReport } from '../model/server-report.ts';

const largestAnswer = 1024 * 1024;

/** Asks Patroni's REST API what it knows of its cluster (GET /cluster). Throws on anything else than such an answer. */
export async function askPatroni(url: URL, timeoutMs: number): Promise<PatroniReport> {
  const response = await fetch(new URL('/cluster', url), {
    signal: AbortSignal.timeout(timeoutMs),
    redirect: 'error',
    headers: { accept: 'application/json' },
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url.host} answers with status ${response.status}`);
  if (text.length > largestAnswer) throw new Error(`${url.host} answers with ${text.length} bytes`);
  return parsePatroniCluster(text);
}

/**
 * The answer of GET /cluster. Patroni calls the leader's role "leader", "master" before version 4 in some places, and
 * "standby_leader" in a standby cluster, which has no primary. Throws Error for anything else. Pure.
 */
export function parsePatroniCluster(text: string): PatroniReport {
  const answer: unknown = JSON.parse(text);
  if (!isObject(answer) || !Array.isArray(answer['members'])) throw new Error('Patroni answers without members');
  const members = answer['members'].filter(isObject).map((member) => ({
    name: textOf(member['name']),
    role: textOf(member['role']),
    state: textOf(member['state']),
    host: textOf(member['host']),
    port: numberOrNull(member['port']),
    timeline: numberOrNull(member['timeline']),
    lagBytes: numberOrNull(member['lag']),
  }));
  const leader = members.find(({ role }) => role === 'leader' || role === 'master' || role === 'primary');
  return { leader: leader?.name ?? null, isPaused: answer['pause'] === true, members };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 200) : '';
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
