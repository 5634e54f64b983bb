import { claimFacts } from './claim-facts.ts';
import { operatorFacts } from './operator-facts.ts';
import type { Fact } from './queue-under-test.ts';
import { turnFacts } from './turn-facts.ts';
import { weeksFact } from './weeks-fact.ts';

/** The contract of a backup queue, for every store: core/queue/backup-queue.ts. */
export const queueFacts: readonly Fact[] = [...claimFacts, ...turnFacts, ...operatorFacts, weeksFact];
