import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY_ROOT } from './repository.ts';

/** One command of the runbook, with what it says of it. */
export interface RunbookCommand {
  section: string;
  /** From its prompt: "db1". */
  machine: string;
  line: string;
  status: number;
  /** Lines that it is shown to print, each with `…` for what differs. */
  output: string[];
}

/** The commands of docs/runbook.md in their order: lines with a prompt in its code blocks. @throws Error for a block of neither. */
export function readRunbook(): RunbookCommand[] {
  const lines = readFileSync(join(REPOSITORY_ROOT, 'docs/runbook.md'), 'utf8').split('\n');
  const commands: RunbookCommand[] = [];
  let section = '';
  let isCode = false;
  for (const line of lines) {
    if (line.startsWith('## ')) section = line.slice(3);
    if (line.startsWith('```')) isCode = !isCode;
    const [, machine, rest = ''] = /^(\w+)\$ (.*)$/.exec(line) ?? [];
    if (isCode && machine !== undefined) {
      const [, command = rest, status = '0'] = /^(.*?)\s+# ends with (\d+)$/.exec(rest) ?? [];
      commands.push({ section, machine, line: command, status: Number(status), output: [] });
    } else if (isCode && !line.startsWith('```') && commands.at(-1)?.section === section) {
      commands.at(-1)?.output.push(line);
    }
  }
  return commands;
}

/** The first line that the runbook shows and that was not printed, in this order; undefined when all were. Numbers are any numbers. */
export function firstUnprinted(output: readonly string[], printed: string): string | undefined {
  const text = normalized(printed);
  let at = 0;
  for (const line of output) {
    for (const part of line
      .split('…')
      .map(normalized)
      .filter((it) => it !== '')) {
      const found = text.indexOf(part, at);
      if (found < 0) return line;
      at = found + part.length;
    }
  }
  return undefined;
}

function normalized(text: string): string {
  return text.replaceAll(/\d+/g, '#').replaceAll(/\s+/g, ' ').trim();
}
