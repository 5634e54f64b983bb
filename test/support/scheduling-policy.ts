/** From linux/sched.h. */
const policies = { '0': 'other', '3': 'batch', '5': 'idle' } as const;

export type SchedulingPolicy = (typeof policies)[keyof typeof policies];

/** Field 41 of /proc/<pid>/stat; undefined for another policy. Source: proc_pid_stat(5). */
export function schedulingPolicyIn(stat: string): SchedulingPolicy | undefined {
  const [, , ...fromThird] = stat.replace(/^.*\) /s, 'pid name ').split(' ');
  return policies[fromThird[41 - 3] as keyof typeof policies];
}
