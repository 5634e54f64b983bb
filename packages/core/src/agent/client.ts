/**
 * The client's side of the agent's socket: the hot path of archive_cmd and restore_cmd. It imports nothing but its door.
 *
 * Lines both ways, JSON each. The request; then either the verdict, or first `{"waitMs": …}` when it will take a while.
 */
import { exchangeLines } from './socket-door.ts';

export interface AgentRequest {
  /** The path of the client's program: an agent that runs another one, or one that was replaced since, retires. */
  program: string;
  kind: 'call' | 'status' | 'stop';
  /** The command line as it was given; the agent obeys it, not the one that it was started with. */
  args: readonly string[];
  workingDirectory: string;
  environment: Record<string, string>;
}

/** What a call ends with: its exit status, and what to write to stderr and stdout. */
export interface AgentVerdict {
  status: number;
  stderr?: string;
  stdout?: string;
  /** A complete file that is the client's now, to be renamed to where PostgreSQL wants it. */
  deliver?: string;
  /** The agent lacks what it needs for the work, such as room: the client is to do it by itself. */
  unable?: true;
}

/**
 * `none`: nobody listens. `retired`: the agent goes, and another one may be started. `broken`: it closed the connection, or
 * said nothing sensible. `unable`: it lacks what it needs. `silent`: it did not say in time that it works on the request. `late`: it said so, and no more.
 */
export type NoVerdict = 'none' | 'retired' | 'broken' | 'unable' | 'silent' | 'late';

/** How long an agent may take to say that it works on a request. */
const firstWordTimeoutMs = 5000;
/** Beyond the time that the agent gave itself. */
const graceMs = 2000;

/** Asks the agent once. Resolves in bounded time, whatever the agent does, and never rejects. */
export function askAgent(socketPath: string, request: AgentRequest): Promise<AgentVerdict | NoVerdict> {
  return new Promise((resolve) => exchangeWithAgent(socketPath, request, resolve));
}

/** The same without a promise, as the hot path wants it. */
export function exchangeWithAgent(
  socketPath: string,
  request: AgentRequest,
  resolve: (result: AgentVerdict | NoVerdict) => void,
): void {
  let timer = setTimeout(() => finish('silent'), firstWordTimeoutMs);
  const finish = (result: AgentVerdict | NoVerdict): void => {
    clearTimeout(timer);
    resolve(result);
    connection.close();
  };
  const connection = exchangeLines(socketPath, JSON.stringify(request), {
    onLine(line) {
      const answer = parseAnswer(line);
      if (typeof answer === 'number') {
        clearTimeout(timer);
        timer = setTimeout(() => finish('late'), answer + graceMs);
      } else {
        finish(answer);
      }
    },
    onEnd: (connected) => finish(connected ? 'broken' : 'none'),
  });
}

function parseAnswer(line: string): AgentVerdict | 'retired' | 'broken' | 'unable' | number {
  try {
    const answer = JSON.parse(line) as Record<string, unknown>;
    const { status, stderr, stdout, deliver, waitMs } = answer;
    if (answer['retired'] === true) return 'retired';
    if (answer['unable'] === true) return 'unable';
    if (typeof waitMs === 'number' && waitMs >= 0 && waitMs < 2 ** 30) return waitMs;
    if (typeof status !== 'number') return 'broken';
    const verdict: AgentVerdict = { status };
    if (typeof stderr === 'string') verdict.stderr = stderr;
    if (typeof stdout === 'string') verdict.stdout = stdout;
    if (typeof deliver === 'string') verdict.deliver = deliver;
    return verdict;
  } catch {
    return 'broken';
  }
}
