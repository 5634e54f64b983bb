import { Failure } from '@archive2/core/base/failure.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { optionalText, secondsToMs } from '@archive2/core/cli/option-values.ts';
import type { Call, Form } from '../form.ts';
import { formSpec } from '../form-spec.ts';
import { selectionOptions } from '../forms/selection-options.ts';
import { isLoopback, parseListenAddress } from './http/listen-address.ts';
import { Token } from './http/token.ts';
import type { Entrance } from './http/web-server.ts';
import { runServe } from './run-serve.ts';
import { writeTextfile } from './write-textfile.ts';

const defaultListen = '127.0.0.1:9187';

const spec = formSpec({
  summary:
    'Metrics for Prometheus, a web page and the status as JSON, over HTTP. The sources are asked in the background: whoever asks is answered ' +
    'within 2 s, whatever hangs.',
  usage: [
    'serve [--listen ADDRESS:PORT] [--socket PATH]   until SIGTERM',
    'serve --textfile PATH.prom                      the metrics once, for the textfile collector of node_exporter',
  ],
  options: {
    listen: {
      type: 'string',
      describe: `where to listen; default ${defaultListen}; another than a loopback address needs --token-file`,
    },
    socket: { type: 'string', describe: 'a Unix socket to listen on, instead or besides; who may use it is its group' },
    'token-file': {
      type: 'string',
      describe:
        'file with a token, 16 characters or more, that every request must show: as bearer token, or as password',
    },
    interval: { type: 'string', default: '5', describe: 'seconds between two looks at the sources' },
    textfile: { type: 'string', describe: 'write the metrics to this file, which ends in .prom, and end' },
    ...selectionOptions,
  },
  exitStatus: [
    ['0', 'it was told to end; with --textfile: the file is written'],
    ['2', 'the arguments, the configuration or the token file are wrong'],
    ['other', 'it cannot listen, or the file could not be written: see docs/exit-statuses.md'],
  ],
  examples: [
    ['archive-status serve', 'the page is at http://127.0.0.1:9187/, the metrics are at /metrics'],
    ['archive-status serve --textfile /var/lib/prometheus/node-exporter/archive2.prom', 'every minute by cron'],
  ],
});

export const serveForm: Form = {
  spec,
  async run(call) {
    if (call.words.length > 0) throw usageFailure(spec, `serve takes no ${JSON.stringify(call.words[0])}`);
    const textfile = optionalText(call.options, 'textfile');
    const intervalMs = secondsToMs(call.options, 'interval', 1, 3600);
    if (textfile !== undefined) {
      const clash = ['listen', 'socket', 'token-file'].find((name) => optionalText(call.options, name) !== undefined);
      if (clash !== undefined) throw usageFailure(spec, `--textfile and --${clash} exclude each other`);
      return await writeTextfile(textfile, call);
    }
    return await runServe(await entrancesOf(call), intervalMs, call);
  },
};

/** Throws Failure `usage` for an entrance that would let anybody in. */
async function entrancesOf({ options }: Call): Promise<Entrance[]> {
  const socket = optionalText(options, 'socket');
  const listen = optionalText(options, 'listen') ?? (socket === undefined ? defaultListen : undefined);
  const tokenFile = optionalText(options, 'token-file');
  const address = listen === undefined ? undefined : parseListenAddress(listen);
  if (address !== undefined && !isLoopback(address.host) && tokenFile === undefined) {
    throw new Failure('usage', `--listen ${listen} can be reached from other machines, so it needs --token-file`, {
      hint: 'Give a token, or listen on 127.0.0.1 or a --socket and let a proxy or an SSH tunnel see to who may come in.',
    });
  }
  const token = tokenFile === undefined ? undefined : await Token.read(tokenFile);
  return [
    ...(address === undefined ? [] : [{ kind: 'tcp', address, token } as const]),
    ...(socket === undefined ? [] : [{ kind: 'socket', path: socket, token } as const]),
  ];
}
