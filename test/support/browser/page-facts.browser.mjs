// An expression that a test evaluates in a page: what can be said of how it reads, as plain data.
(() => {
  const parse = (text) => {
    const [red = 0, green = 0, blue = 0, alpha = 1] = (text.match(/[\d.]+/g) ?? []).map(Number);
    return { red, green, blue, alpha };
  };
  const luminance = ({ red, green, blue }) => {
    const [r, g, b] = [red, green, blue].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const groundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.alpha > 0.99) return colour;
    }
    return { red: 255, green: 255, blue: 255, alpha: 1 };
  };
  const isShown = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && getComputedStyle(element).visibility === 'visible';
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.data.trim() === '' || !isShown(element) || element.closest('script, style, title, svg title') !== null)
      continue;
    const style = getComputedStyle(element);
    const colour = parse(element.closest('svg') === null ? style.color : style.fill);
    const sizePx = Number.parseFloat(style.fontSize);
    const isLarge = sizePx >= 24 || (sizePx >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = contrast(colour, groundOf(element.closest('svg')?.parentElement ?? element));
    texts.push({ text: node.data.trim().slice(0, 40), ratio, isLarge });
  }
  const headings = [...document.querySelectorAll('h1, h2, h3')].map(({ tagName }) => Number(tagName[1]));
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  return {
    faint: texts.filter(({ ratio, isLarge }) => ratio < (isLarge ? 3 : 4.5)),
    textCount: texts.length,
    headings,
    landmarks: ['main', 'nav', 'footer', 'header'].filter((name) => document.querySelector(name) !== null),
    picturesWithoutWords: [...document.querySelectorAll('svg')].filter(
      (svg) => svg.closest('[aria-hidden=true], [role=img]') === null,
    ).length,
    emptyLabels: [...document.querySelectorAll('[aria-label=""]')].length,
    repeatedIds: ids.filter((id, index) => ids.indexOf(id) !== index),
    labelsOfNothing: [...document.querySelectorAll('[aria-labelledby]')].filter(
      (element) => document.getElementById(element.getAttribute('aria-labelledby')) === null,
    ).length,
    overflowPx: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  };
})();
