/** Run under strace: removes what is stale in the directory that its argument names, as if it were an hour later. */
import { removeStaleParts } from '../../../packages/core/src/files/stale-parts.ts';

await removeStaleParts(process.argv[2] ?? '', Date.now() + 3_600_000);
