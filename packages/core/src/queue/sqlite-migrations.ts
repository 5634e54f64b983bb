import type { Migration } from './migration.ts';
import queue from './sql/sqlite/0001-queue.sql' with { type: 'text' };

export const sqliteMigrations: readonly Migration[] = [{ number: 1, name: 'queue', isBreaking: true, sql: queue }];
