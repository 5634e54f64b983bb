import { Failure, systemErrorCode } from '../base/failure.ts';
import { claimFailures } from './claim-failures.ts';
import type { Obstacle } from './claim-policy.ts';

/** What a call was about, for the words of its failure. */
export interface Subject {
  cluster?: string | undefined;
  host?: string | undefined;
  kind?: string | undefined;
}

/** Whether a call that failed so may be made again, and if the failed one cannot have changed anything. */
export type SecondTry = 'no' | 'nothing_happened' | 'may_have_happened';

const nothingHappened = [
  '40P01', // deadlock_detected
  '40001', // serialization_failure
  '55P03', // lock_not_available
  '57P03', // cannot_connect_now
  '25006', // read_only_sql_transaction: the server became a standby, or was never more
  '53300', // too_many_connections
];

/** Errors after which the connection is gone, or as good as. */
const connectionLost = /^(08\w\w\w|57P0[12]|ECONN\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOENT|EAI_AGAIN)$/;

/** By SQLSTATE, and by the driver's words where it has no code: it says so of connections that it lost and of its own timeouts. */
export function secondTry(error: unknown): SecondTry {
  const code = systemErrorCode(error) ?? '';
  if (nothingHappened.includes(code)) return 'nothing_happened';
  if (connectionLost.test(code) || lostWords.test(wordsOf(error))) return 'may_have_happened';
  // query_canceled: by statement_timeout, or by an administrator.
  return code === '57014' ? 'nothing_happened' : 'no';
}

const lostWords =
  /Connection terminated|Query read timeout|timeout expired|not queryable|timeout exceeded|closed the connection/i;

/** What the server's error means to a caller of the queue. `where` names the queue. */
export function queueFailure(error: unknown, where: string, subject: Subject): Failure {
  if (error instanceof Failure) return error;
  const code = systemErrorCode(error) ?? '';
  const { cluster = '', host = '', kind = '' } = subject;
  switch (code) {
    case 'BQ001':
      return claimFailures.replaced(cluster);
    case 'BQ002':
      return claimFailures.ended(cluster);
    case 'BQ003':
      return claimFailures.unknown();
    case 'BQ004':
      return claimFailures.tokenUsed();
    case 'BQ005':
      return claimFailures.unknownCluster(cluster);
    case 'BQ006':
      return claimFailures.notItsHost(cluster, host);
    case 'BQ007':
      return claimFailures.noSchedule(cluster, kind);
    case 'BQ008':
      return claimFailures.busy(cluster, host, detailOf(error) as Obstacle);
    case 'BQ009':
      return claimFailures.clusterRuns(cluster);
    case '42501': // insufficient_privilege
      return new Failure('queue_denied', `the login has no right to this in the ${where}: ${wordsOf(error)}`, {
        hint: "GRANT backup_queue_worker TO the archive hosts' login, backup_queue_operator to the operators'.",
        cause: error,
      });
    case '3F000': // invalid_schema_name
    case '42P01': // undefined_table
    case '42883': // undefined_function
      return new Failure('queue_version', `there is no queue in the ${where}, or another one: ${wordsOf(error)}`, {
        hint: 'Run "backup-queue init".',
        cause: error,
      });
    case '23514': // check_violation
    case '22023': // invalid_parameter_value
      return new Failure('usage', `the queue refuses this: ${wordsOf(error)}`, { cause: error });
    case '28000':
    case '28P01':
    case '3D000':
      return new Failure('queue_denied', `the ${where} refuses the login: ${wordsOf(error)}`, {
        hint: 'Check the role, the database, pg_hba.conf and the .pgpass file of this account.',
        cause: error,
      });
    default:
      return new Failure('queue_unavailable', `the ${where} could not be asked: ${wordsOf(error)}`, {
        hint: 'It is asked again at the next call. Archiving does not depend on it.',
        cause: error,
      });
  }
}

function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return error.errors[0].message;
  return error instanceof Error ? error.message || String(systemErrorCode(error)) : String(error);
}

function detailOf(error: unknown): string {
  return error instanceof Error && 'detail' in error ? String(error.detail) : '';
}
