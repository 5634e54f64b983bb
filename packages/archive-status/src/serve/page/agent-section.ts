import type { AgentCounters, AgentReport } from '../../model/agent-report.ts';
import type { ClusterReport } from '../../model/status-report.ts';
import { type Html, html, type Piece } from '../html/html.ts';
import { cell, unknownCell } from './cell.ts';
import { relativeMoment } from './moment.ts';
import { emptyPart, section, unknownPart } from './section.ts';
import { table } from './table.ts';
import type { View } from './view.ts';

const title = 'Agents of this machine';

/** Nothing at all on a machine that is no database server. */
export function agentSection({ agents }: ClusterReport, view: View): Html | undefined {
  if (agents === null) return undefined;
  if (!agents.known) return section('agents', title, unknownPart(agents.reason));
  if (agents.value.length === 0) return section('agents', title, emptyPart('None has run yet.'));
  return section(
    'agents',
    title,
    table({
      id: 'agent-rows',
      caption: 'Each agent',
      columns: ['agent', 'state', 'work', 'last success', 'last failure'],
      rows: agents.value.map((agent) => agentRow(agent, view)),
    }),
  );
}

function agentRow(agent: AgentReport, view: View): Piece[] {
  const { counters, file } = agent;
  if (!counters.known) return [file, unknownCell(counters.reason), counters.reason, '', ''];
  const { role, dataDirectory, lastSuccessAtMs, lastFailure } = counters.value;
  return [
    html`${role === 'push' ? 'archive_cmd' : 'restore_cmd'} <span class="mono wrap">${dataDirectory}</span>`,
    stateText(agent, counters.value, view),
    workText(counters.value, agent.isAlive.known && agent.isAlive.value),
    lastSuccessAtMs === null ? html`<span class="muted">none</span>` : relativeMoment(lastSuccessAtMs, view),
    lastFailure === null
      ? html`<span class="muted">none</span>`
      : html`${relativeMoment(lastFailure.atMs, view)}: ${lastFailure.message}`,
  ];
}

function stateText({ isAlive, answers }: AgentReport, { endedAtMs }: AgentCounters, view: View): Html {
  return cell(isAlive, (alive) => {
    if (!alive) return endedAtMs === null ? html`not running` : html`ended ${relativeMoment(endedAtMs, view)}`;
    return cell(answers, (doesAnswer) =>
      doesAnswer === true ? 'answers' : html`<strong class="bad">does not answer</strong>`,
    );
  });
}

function workText({ push, get }: AgentCounters, isAlive: boolean): Html {
  if (push !== null) {
    const waiting =
      isAlive && push.ready !== null ? html`${push.ready} waiting, ${push.underWay} under way; ` : undefined;
    return html`${waiting}${push.shipped} shipped${push.failed > 0 ? html`, ${push.failed} attempts failed` : undefined}`;
  }
  if (get !== null) return html`${get.delivered} delivered, ${get.unknown} not known, ${get.bufferFiles} ready`;
  return html`<span class="muted">nothing yet</span>`;
}
