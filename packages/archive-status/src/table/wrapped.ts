/** Text on lines of at most `width` characters, the first one of at most `firstWidth`; parted at spaces, and within words that are longer. */
export function wrapped(text: string, width: number, firstWidth = width): string[] {
  const lines: string[] = [];
  let rest = text;
  for (;;) {
    const room = lines.length === 0 ? firstWidth : width;
    if (rest.length <= room) return [...lines, rest];
    const space = rest.lastIndexOf(' ', room);
    const end = space > 0 ? space : room;
    lines.push(rest.slice(0, end));
    rest = rest.slice(space > 0 ? end + 1 : end);
  }
}
