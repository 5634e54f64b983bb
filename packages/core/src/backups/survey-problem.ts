import type { SurveyProblem } from './host-survey.ts';

/** What is told of something that cannot be read. */
export function problemOf(what: string, error: unknown): SurveyProblem {
  return { what, reason: reasonOf(error) };
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
