/** One line per event on stderr: level, what happened, `key=value`. */
export type LogLevel = 'debug' | 'info' | 'warning' | 'error';

export type LogFields = Record<string, string | number | boolean | undefined>;

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warning(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

const severity: Record<LogLevel, number> = { debug: 0, info: 1, warning: 2, error: 3 };

/**
 * A log that formats each event as one line and hands it to `write`; events below `threshold` are dropped.
 *
 * `write` must not throw: a full log disk or a closed stderr is no reason to fail an archive command.
 */
export function createLog(write: (line: string) => void, threshold: LogLevel = 'info', prefix = ''): Log {
  const at = (level: LogLevel) => (event: string, fields?: LogFields) => {
    if (severity[level] >= severity[threshold]) write(formatLogLine(level, prefix + event, fields));
  };
  return { debug: at('debug'), info: at('info'), warning: at('warning'), error: at('error') };
}

export const silentLog: Log = createLog(() => undefined, 'error');

export function formatLogLine(level: LogLevel, event: string, fields: LogFields = {}): string {
  let line = `${level}: ${escapeControls(event)}`;
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) line += ` ${key}=${quoteIfNeeded(String(value))}`;
  }
  return line;
}

function quoteIfNeeded(value: string): string {
  return /^[\w./:@%+,-]+$/.test(value) ? value : JSON.stringify(escapeControls(value));
}

/** Names and messages come from outside: a terminal must never act on them, and a line must stay one line. */
export function escapeControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
