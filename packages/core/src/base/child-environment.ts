/**
 * The environment that programs we start may have: what they need to find programs, files, keys and words, and our own
 * settings. Nothing that configures the runtime (BUN_*, NODE_OPTIONS) or holds a secret by accident gets through.
 */
const allowed = new Set([
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'TZ',
  'TMPDIR',
  'SSH_AUTH_SOCK',
]);

export function childEnvironment(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && (allowed.has(name) || name.startsWith('ARCHIVE2_'))) kept[name] = value;
  }
  return kept;
}
