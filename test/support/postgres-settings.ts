/** Values of postgresql.conf by name. */
export type PostgresSettings = Readonly<Record<string, string | number | boolean>>;

/** For clusters that are small and start fast, but lose nothing: fsync stays on. */
export const BASE_SETTINGS: PostgresSettings = {
  shared_buffers: '16MB',
  max_connections: 40,
  wal_level: 'replica',
  max_wal_senders: 8,
  max_replication_slots: 8,
  hot_standby: true,
  archive_mode: true,
  archive_command: '',
  archive_timeout: 0,
  restart_after_crash: false,
  log_line_prefix: '%m [%p] %b ',
  log_checkpoints: true,
  log_replication_commands: true,
  unix_socket_directories: '/run/postgresql',
  autovacuum: false,
};

/** Lines of postgresql.conf: of two lines for one name the later one counts. */
export function formatSettings(settings: PostgresSettings): string {
  const line = ([name, value]: [string, string | number | boolean]) =>
    `${name} = '${String(value).replaceAll("'", "''").replaceAll('\\', '\\\\')}'\n`;
  return Object.entries(settings).map(line).join('');
}
