/**
 * What moves files, beyond the way to the agent: agents, sessions, and calls without an agent. One module, as a program loads each module
 * of its file by itself, and none of the operators' commands, which a session does not need.
 */
export { run as runArchiveCmd } from '@archive2/archive_cmd/run.ts';
export { main as runArchiveRemoteCmd } from '@archive2/archive_remote_cmd/main.ts';
export { deliverAcross, run as runRestoreCmd } from '@archive2/restore_cmd/run.ts';
