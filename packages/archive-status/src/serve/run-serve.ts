import { signalsAsAbort } from '@archive2/core/cli/signals-as-abort.ts';
import type { Call } from '../form.ts';
import { judgeReport } from '../forms/selection-options.ts';
import { statusJson } from '../json-of.ts';
import type { StatusReport } from '../model/status-report.ts';
import { securityHeaders } from './http/security-headers.ts';
import { type Entrance, WebServer } from './http/web-server.ts';
import type { Judge } from './judge.ts';
import { StatusKeeper } from './keep/status-keeper.ts';
import { pageScript } from './page/page-script.ts';
import { pageStyle } from './page/page-style.ts';
import { routesOf } from './routes.ts';

/** A look has a deadline of its own, --timeout; this is for one that does not keep it. */
const gatherWithinMs = 60_000;

/** Serves until a signal. Resolves with the exit status. */
export async function runServe(entrances: readonly Entrance[], intervalMs: number, call: Call): Promise<number> {
  const { clock, log, options, timeZone } = call;
  const gatherer = await call.openGatherer();
  const keeper = new StatusKeeper({ gather: () => gatherer.gather(), clock, log, intervalMs, gatherWithinMs });
  const judge: Judge = (report) => judgeReport(report, gatherer.clusters, options);
  const json = (report: StatusReport) => statusJson(report, judge(report));
  const route = routesOf({ keeper, judge, json, clock, timeZone });
  const headers = securityHeaders(pageStyle, pageScript);
  const servers = entrances.map((entrance) => new WebServer({ entrance, route, headers, log }));
  const stop = signalsAsAbort('serving');
  try {
    for (const server of servers) log.info('listening', { at: await server.listen() });
    await keeper.run(stop);
  } finally {
    await Promise.all(servers.map((server) => server.close()));
    await gatherer.close();
  }
  return 0;
}
