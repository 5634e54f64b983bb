import type { Clock } from '@archive2/core/base/clock.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import type { StatusReport } from '../model/status-report.ts';
import { plainReply, type Reply, type Route } from './http/reply.ts';
import { type Judge, unjudged, type Verdict, verdictsOf } from './judge.ts';
import type { Knowledge, StatusKeeper } from './keep/status-keeper.ts';
import { MetricSet } from './metrics/metric-set.ts';
import { metricsText } from './metrics/metrics-text.ts';
import { clusterPage } from './page/cluster-page.ts';
import { clustersPage } from './page/clusters-page.ts';
import { firstPage } from './page/first-page.ts';
import { clusterOfPath } from './page/paths.ts';
import type { View } from './page/view.ts';
import { zoomNamed } from './picture/zoom.ts';

export interface RouteSources {
  keeper: StatusKeeper;
  judge: Judge;
  /** The report as documented JSON. */
  json: (report: StatusReport) => string;
  clock: Clock;
  timeZone: string;
}

/** Whoever asks has an answer within 2 s; sending it takes some of them. */
const answerWithinMs = 1500;

export function routesOf(sources: RouteSources): Route {
  return async (path, query) => {
    const cluster = clusterOfPath(path);
    if (cluster === undefined && !['/', '/health', '/metrics', '/api/status'].includes(path)) return undefined;
    const knowledge = await sources.keeper.knowledge(answerWithinMs);
    if (path === '/health') return health(knowledge);
    if (path === '/metrics') return await metrics(knowledge, sources);
    if (path === '/api/status') return apiStatus(knowledge, sources);
    if (knowledge.report === undefined) return page(firstPage(knowledge.failure), 503);
    const view = viewOf(knowledge, knowledge.report, sources);
    if (cluster === undefined) return page(clustersPage(view));
    const report = view.report.clusters.find((one) => one.cluster === cluster);
    return report === undefined ? undefined : page(clusterPage(report, zoomNamed(query.get('span')), view));
  };
}

/** Whether this exporter knows anything about now; not how the clusters are. */
function health({ report, ageMs, isStale, failure }: Knowledge): Reply {
  if (report === undefined)
    return plainReply(503, `nothing is known yet${failure === undefined ? '' : `: ${failure}`}`);
  const age = `gathered ${Math.round(ageMs / 1000)} s ago`;
  return isStale ? plainReply(503, `old: ${age}`) : plainReply(200, `ok: ${age}`);
}

async function metrics(knowledge: Knowledge, { judge }: RouteSources): Promise<Reply> {
  const body = await metricsText({ knowledge, program: programVersion, judge });
  return { status: 200, contentType: MetricSet.contentType, body };
}

function apiStatus({ report, ageMs, isStale, failure }: Knowledge, { json }: RouteSources): Reply {
  const contentType = 'application/json; charset=utf-8';
  const problem = (error: string): Reply => ({ status: 503, contentType, body: `${JSON.stringify({ error })}\n` });
  if (report === undefined) return problem(failure ?? 'nothing is known yet');
  // A reader of JSON looks at the status first: what is too old is no answer.
  if (isStale) return problem(`the newest report is ${Math.round(ageMs / 1000)} s old`);
  return { status: 200, contentType, body: json(report) };
}

function viewOf(knowledge: Knowledge, report: StatusReport, { judge, clock, timeZone }: RouteSources): View {
  const { ageMs, isStale, failure, answers } = knowledge;
  const verdicts = isStale ? new Map<string, Verdict>() : verdictsOf(report, judge);
  const unknown = unjudged(
    isStale ? 'what is known of this cluster is too old to say how it is now' : 'nobody judged it',
  );
  return {
    report,
    nowMs: clock.nowMs(),
    timeZone,
    ageMs,
    isStale,
    failure,
    answers,
    verdictOf: ({ cluster }) => verdicts.get(cluster) ?? unknown,
  };
}

function page(body: string, status = 200): Reply {
  return { status, contentType: 'text/html; charset=utf-8', body };
}
