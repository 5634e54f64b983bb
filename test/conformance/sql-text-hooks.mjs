/** Module hooks for Node, which does not know `with { type: 'text' }`: a file of SQL is a module of its text. */
import { readFile } from 'node:fs/promises';

export async function resolve(specifier, context, next) {
  if (!specifier.endsWith('.sql')) return next(specifier, context);
  const url = new URL(specifier, context.parentURL).href;
  return { url, format: 'module', importAttributes: {}, shortCircuit: true };
}

export async function load(url, context, next) {
  if (!url.endsWith('.sql')) return next(url, context);
  const source = `export default ${JSON.stringify(await readFile(new URL(url), 'utf8'))};`;
  return { format: 'module', source, shortCircuit: true };
}
