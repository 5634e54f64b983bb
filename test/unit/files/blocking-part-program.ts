/** Run under strace: writes what is in the file `content` of the directory that its argument names to a part there, twice, waiting for each write. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PartFile } from '../../../packages/core/src/files/part-file.ts';

const [directory = ''] = process.argv.slice(2);
const content = readFileSync(join(directory, 'content'));
const part = await PartFile.create(directory, 'content', { isBlocking: true });
for (let time = 0; time < 2; time += 1) await part.append(content);
if (part.sizeBytes !== 2 * content.length) throw new Error(`${part.sizeBytes} bytes`);
await part.close();
