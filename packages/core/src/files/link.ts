import { link } from 'node:fs/promises';
import { systemErrorCode } from '../base/failure.ts';

/** Gives a file a second name by link(2), which never replaces; false when the name is taken. */
export async function linkUnlessTaken(existingPath: string, newPath: string): Promise<boolean> {
  try {
    await link(existingPath, newPath);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  }
}
