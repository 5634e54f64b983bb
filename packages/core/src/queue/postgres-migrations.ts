import type { Migration } from './migration.ts';
import queue from './sql/postgres/0001-queue.sql' with { type: 'text' };

export const postgresMigrations: readonly Migration[] = [{ number: 1, name: 'queue', isBreaking: true, sql: queue }];
