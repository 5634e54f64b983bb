import { hostname } from 'node:os';
import { formatConninfo } from '@archive2/core/postgres/conninfo.ts';
import { initQueue, queueScript } from '@archive2/core/queue/open-queue.ts';
import { describeLocation, type QueueLocation } from '@archive2/core/queue/queue-location.ts';
import { readQueueLogin } from '@archive2/core/queue/queue-login.ts';
import type { Call, Form } from '../form.ts';
import { formSpec } from '../form-spec.ts';
import { refuseWords } from '../words.ts';

export const init: Form = {
  spec: formSpec({
    summary:
      'Makes the queue, or brings its schema up to this program; prints what is left to do: roles and cron lines.',
    usage: ['init [--dry-run]'],
    options: {
      'dry-run': { type: 'boolean', default: false, describe: 'prints the SQL that it would run, and changes nothing' },
    },
    examples: [
      [
        'backup-queue init --queue "host=db9 dbname=backup user=postgres"',
        'as a superuser, or the owner with CREATEROLE',
      ],
      ['backup-queue init --queue sqlite:/var/lib/archive/queue.db', 'as the account that runs base-backup'],
    ],
  }),
  run: runInit,
};

async function runInit(call: Call): Promise<void> {
  refuseWords(call.words);
  const location = call.location();
  const login = await readQueueLogin('backup-queue', call.environment);
  if (call.options['dry-run'] === true) return await call.print(await queueScript(location, login));
  const steps = await initQueue(location, login);
  const queue = describeLocation(location);
  if (steps.length === 0) call.log.info('the queue is up to date, nothing was changed', { queue });
  else call.log.info('the queue is ready', { queue, steps: steps.join(',') });
  await call.print(whatIsLeft(location));
}

/** Roles and cron lines, to be copied. Pure. */
function whatIsLeft(location: QueueLocation): string {
  const cron = [
    '# /etc/cron.d/base-backup on each archive host; the account that owns the archive there',
    // A bare "%" ends the command in a crontab.
    `*/10 * * * * archive /usr/local/bin/base-backup --queue ${shellQuoted(forArchiveHosts(location)).replaceAll('%', String.raw`\%`)}`,
  ];
  return `${(location.kind === 'postgres' ? [...roles, '', ...cron] : cron).join('\n')}\n`;
}

const roles = [
  '-- Logins: one for the archive hosts, one for each operator, one for monitoring. None of them needs more.',
  'CREATE ROLE archive LOGIN; GRANT backup_queue_worker TO archive;',
  'CREATE ROLE operator LOGIN; GRANT backup_queue_operator TO operator;',
  'CREATE ROLE monitor LOGIN; GRANT backup_queue_monitor TO monitor;',
];

/** What `--queue` is there: they log in as somebody else, and what is local here is not there. */
function forArchiveHosts(location: QueueLocation): string {
  if (location.kind === 'sqlite') return describeLocation(location);
  const { user: _user, ...others } = location.conninfo;
  return formatConninfo(others['service'] === undefined ? { host: hostname(), ...others, user: 'archive' } : others);
}

function shellQuoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
