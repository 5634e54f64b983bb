import type { Form } from './form.ts';

/** What the command does, by its first word; each is loaded when it is called for. Without one it shows the table. */
export const forms: Readonly<Record<string, () => Promise<Form>>> = {
  check: async () => (await import('./forms/check.ts')).check,
  events: async () => (await import('./events/run-events.ts')).events,
  notify: async () => (await import('./events/run-notify.ts')).notify,
  serve: async () => (await import('./serve/serve-form.ts')).serveForm,
};

export async function loadTable(): Promise<Form> {
  return (await import('./forms/show-table.ts')).showTable;
}
