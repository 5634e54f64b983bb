import type { Form } from './form.ts';

/** What the command does, by its first word; each is loaded when it is called for. Without one it shows the table. */
export const forms: Readonly<Record<string, () => Promise<Form>>> = {
  check: async () => (await import('./forms/check.ts')).check,
};

export async function loadTable(): Promise<Form> {
  return (await import('./forms/show-table.ts')).showTable;
}
