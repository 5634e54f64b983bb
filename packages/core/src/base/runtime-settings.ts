/**
 * What the runtime can be told by the environment of its process only, before it starts (Bun 1.4.5). Processes of ours that we start
 * have it from whoever starts them; what somebody else starts has it by cli/start-anew.ts.
 */
export type RuntimeSettings = Readonly<Record<string, string>>;

/**
 * The allocator keeps what was freed for ten seconds, in which it is asked for again, where it would give it back to the kernel after ten
 * milliseconds and have it faulted in again page by page.
 */
export const keepFreedMemory: RuntimeSettings = { MIMALLOC_PURGE_DELAY: '10000' };

/** What repeats with each file is compiled after a fifth of the usual calls, and compiled well after less than half. */
const compileSooner: RuntimeSettings = {
  BUN_JSC_thresholdForJITAfterWarmUp: '100',
  BUN_JSC_thresholdForOptimizeAfterWarmUp: '400',
};

/** Of a process that lives for long and does the same with file after file. */
export const forManyFiles: RuntimeSettings = { ...keepFreedMemory, ...compileSooner };

/** What is compiled by the quick compiler is not compiled once more: for a process that is over soon, or does little in JavaScript. */
export const compileOnce: RuntimeSettings = { BUN_JSC_useDFGJIT: '0' };
