import { resolve } from 'node:path';

/** The checkout's top directory, as the test process sees it. */
export const REPOSITORY_ROOT = resolve(import.meta.dirname, '../..');

/** Where every machine sees the checkout, whatever the permissions of the directories above it are outside. */
export const REPOSITORY_INSIDE = '/opt/archive2';

/** Where every machine sees the built commands; first in PATH there, in SSH sessions too. */
export const BIN_DIRECTORY = `${REPOSITORY_INSIDE}/bin`;
