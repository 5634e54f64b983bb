/** Longer ones come in parts: a program that never ends its line does not fill our memory. */
const longestLine = 64 * 1024;

/** Takes text apart into lines as it comes, whether they end as in Unix, in DOS or, as what overwrites itself, in a carriage return. */
export class TextLines {
  private readonly onLine: (line: string) => void;
  private rest = '';

  constructor(onLine: (line: string) => void) {
    this.onLine = onLine;
  }

  take(text: string): void {
    const whole = this.rest + text;
    // A carriage return at the end may have its line feed in the next piece.
    const lines = whole.split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.onLine(line);
    if (this.rest.length >= longestLine) this.finish();
  }

  /** Nothing more comes: the last line may lack its end. */
  finish(): void {
    if (this.rest !== '') this.onLine(this.rest.replace(/\r$/, ''));
    this.rest = '';
  }
}
