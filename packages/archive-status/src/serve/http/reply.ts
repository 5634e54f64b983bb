/** What a GET is answered with. */
export interface Reply {
  status: number;
  /** With its charset. */
  contentType: string;
  body: string;
}

/** An answer to GET and HEAD; undefined: there is nothing under this path. */
export type Route = (path: string, query: URLSearchParams) => Promise<Reply | undefined>;

export function plainReply(status: number, text: string): Reply {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${text}\n` };
}
