import type { Level } from '../../check/level.ts';
import { type Html, html, type Piece, trusted } from '../html/html.ts';
import { tabIcon } from './badge.ts';
import { pageScript } from './page-script.ts';
import { pageStyle } from './page-style.ts';

interface Shell {
  /** In the browser's tab, and what is announced when it changes. */
  readonly title: string;
  readonly level: Level;
  readonly main: Piece;
  /** When what is shown was gathered; undefined: nothing is. */
  readonly gatheredAtMs: number | undefined;
}

/** A whole page, by itself: style and script are in it, and nothing else is asked for. */
export function pageShell({ title, level, main, gatheredAtMs }: Shell): string {
  const page: Html = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="${tabIcon(level)}">
<noscript><meta http-equiv="refresh" content="30"></noscript>
<style>${trusted(pageStyle)}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<p id="announcement" class="unseen" role="status"></p>
<p id="lost" role="alert" hidden></p>
<main id="content" tabindex="-1" data-gathered="${gatheredAtMs ?? ''}">
${main}
</main>
<script>${trusted(pageScript)}</script>
</body>
</html>
`;
  return page.text;
}
