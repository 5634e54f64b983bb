import { spawn } from 'node:child_process';

/**
 * Runs a program outside the machines, as root, and returns its standard output.
 * @throws Error with the program's standard error when it fails.
 */
export function command(argv: readonly [string, ...string[]], input = ''): Promise<string> {
  const [file, ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) {
        resolve(Buffer.concat(stdout).toString());
      } else {
        reject(new Error(`${argv.join(' ')} failed with ${status}: ${Buffer.concat(stderr).toString().trim()}`));
      }
    });
    // A program that ends without reading its input is judged by its exit status.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
