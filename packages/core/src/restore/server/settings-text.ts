/** PostgreSQL's settings by name; of two writers of one name the later one counts, so the order is that of the file. */
export type Settings = Readonly<Record<string, string>>;

/** Lines of postgresql.conf or postgresql.auto.conf. Pure. */
export function formatSettings(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${quoteSettingValue(value)}\n`)
    .join('');
}

/** A value in single quotes, as guc-file.l of PostgreSQL 12 to 18 reads it: quotes doubled, backslashes and line ends escaped. Pure. */
export function quoteSettingValue(value: string): string {
  const escaped = value.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return `'${escaped}'`;
}

/** Words of postgres' command line, where a setting beats every file and ALTER SYSTEM. Pure. */
export function settingArguments(settings: Settings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
