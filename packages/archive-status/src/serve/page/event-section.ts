import type { ClusterReport, EventReport } from '../../model/status-report.ts';
import { type Html, html } from '../html/html.ts';
import { sign } from './badge.ts';
import { relativeMoment } from './moment.ts';
import { emptyPart, section, unknownPart } from './section.ts';
import { table } from './table.ts';
import type { View } from './view.ts';

const title = 'Recent events';
const mostEvents = 20;

export function eventSection({ events }: ClusterReport, view: View): Html {
  if (!events.known) return section('events', title, unknownPart(events.reason));
  if (events.value.length === 0) return section('events', title, emptyPart('None.'));
  return section(
    'events',
    title,
    table({
      id: 'event-rows',
      caption: 'Recent events, newest first',
      columns: ['event', 'when', 'on', 'facts'],
      rows: events.value
        .slice(0, mostEvents)
        .map((event) => [
          eventName(event),
          relativeMoment(event.atMs, view),
          html`<bdi>${event.host}</bdi>`,
          factsText(event),
        ]),
    }),
  );
}

function eventName({ event, severity }: EventReport): Html {
  const name = event.replaceAll('-', ' ');
  if (severity === 'info') return html`${name}`;
  return html`<span class="nowrap">${sign(severity === 'error' ? 'critical' : 'warning')} ${name}</span>`;
}

function factsText({ fields }: EventReport): Html {
  return html`<span class="wrap">${Object.entries(fields).map(
    ([name, value]) => html`<span class="fact"><span class="muted">${name}</span> ${String(value)}</span> `,
  )}</span>`;
}
