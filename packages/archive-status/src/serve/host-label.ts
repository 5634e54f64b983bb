import type { ClusterReport } from '../model/status-report.ts';

/**
 * The names by which metrics and the page call a cluster's archive hosts: as configured, without the user, and `machine` for a
 * directory of this machine; where that makes two the same, as configured. It does not depend on what answers, so that a host that
 * is away keeps its name. Pure.
 */
export function hostLabels({ hosts }: Pick<ClusterReport, 'hosts'>, machine: string): ReadonlyMap<string, string> {
  const short = hosts.map(({ name, isLocal }) => (isLocal ? machine : name.replace(/^[^@]*@/, '')));
  const isClear = new Set(short).size === short.length;
  return new Map(hosts.map(({ name }, index) => [name, isClear ? (short[index] ?? name) : name]));
}

/** The label of the archive host that the queue calls so; its own name where none is meant. */
export function labelOfQueueHost(
  cluster: ClusterReport,
  labels: ReadonlyMap<string, string>,
  queueHost: string,
): string {
  const host = cluster.hosts.find(
    ({ name, machine }) =>
      name === queueHost || labels.get(name) === queueHost || (machine.known && machine.value === queueHost),
  );
  return (host === undefined ? undefined : labels.get(host.name)) ?? queueHost;
}
