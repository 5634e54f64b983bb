// Asks for the page again and shows what came, without moving anything under the reader's hands: scroll, focus, open details and
// selected text stay. What is shown is never silently old: after 30 seconds without news it says so.
const everyMs = 10_000;
const oldAfterMs = 30_000;
let freshAt = performance.now();
let isAsking = false;

async function refresh() {
  if (isAsking || document.hidden) return;
  isAsking = true;
  try {
    const response = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(8_000) });
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    const next = page.querySelector('main');
    const isReading = !getSelection().isCollapsed;
    if (next !== null && !isReading) {
      show(page, next);
      freshAt = performance.now();
    }
  } catch {
    // Told by the age of what is shown.
  } finally {
    isAsking = false;
    sayAge();
  }
}

function show(page, next) {
  const main = document.querySelector('main');
  const focused = main.contains(document.activeElement) ? document.activeElement.id : '';
  const open = new Set(Array.from(main.querySelectorAll('details[open]'), ({ id }) => id));
  for (const details of next.querySelectorAll('details')) details.open = open.has(details.id);
  const scrolled = Array.from(main.querySelectorAll('.scroll[id]'), ({ id, scrollLeft }) => [id, scrollLeft]);
  main.replaceChildren(...document.adoptNode(next).childNodes);
  main.dataset.gathered = next.dataset.gathered;
  for (const [id, left] of scrolled) {
    const region = document.getElementById(id);
    if (region !== null) region.scrollLeft = left;
  }
  if (focused !== '') document.getElementById(focused)?.focus({ preventScroll: true });
  if (document.title !== page.title) {
    document.title = page.title;
    document.getElementById('announcement').textContent = page.title;
  }
  const icon = page.querySelector('link[rel=icon]');
  if (icon !== null) document.querySelector('link[rel=icon]').href = icon.href;
}

function sayAge() {
  const ageMs = performance.now() - freshAt;
  const lost = document.getElementById('lost');
  lost.hidden = ageMs < oldAfterMs;
  document.documentElement.classList.toggle('is-lost', !lost.hidden);
  if (lost.hidden) return;
  const seconds = Math.round(ageMs / 1000);
  lost.textContent = `This page is ${seconds} s old: archive-status does not answer, or text is selected.`;
}

setInterval(() => void refresh(), everyMs);
setInterval(sayAge, 5_000);
document.addEventListener('visibilitychange', () => void refresh());
