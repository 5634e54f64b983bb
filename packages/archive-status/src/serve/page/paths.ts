import type { Zoom } from '../picture/zoom.ts';

export function clusterPath(cluster: string, zoom?: Zoom): string {
  return `/cluster/${encodeURIComponent(cluster)}${zoom === undefined ? '' : `?span=${zoom}`}`;
}

/** The name in a path that clusterPath made; undefined: it is another one. */
export function clusterOfPath(path: string): string | undefined {
  const [, encoded] = /^\/cluster\/([^/]+)$/.exec(path) ?? [];
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
