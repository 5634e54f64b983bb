import type { Form } from './form.ts';
import { add } from './forms/add.ts';
import { history } from './forms/history.ts';
import { importOld } from './forms/import.ts';
import { init } from './forms/init.ts';
import { list } from './forms/list.ts';
import { pause, resume } from './forms/pause.ts';
import { plan } from './forms/plan.ts';
import { remove } from './forms/remove.ts';
import { retry } from './forms/retry.ts';
import { runNow } from './forms/run-now.ts';
import { set } from './forms/set.ts';
import { show } from './forms/show.ts';

/** What the command does, by the word that asks for it; in the order in which the help shows them. */
export const forms: Readonly<Record<string, Form>> = {
  list,
  show,
  history,
  plan,
  'run-now': runNow,
  retry,
  pause,
  resume,
  add,
  set,
  remove,
  init,
  import: importOld,
};
