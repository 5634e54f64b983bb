// A program that builds a stand and leaves it standing, for the test that kills it: prints the stand's bridge and
// directory as JSON, then waits for its end.
import { ArchiveHost } from './archive-host.ts';
import { Stand } from './stand.ts';

const stand = await Stand.create({ name: 'abandoned' });
const machine = await stand.machine('arch1');
await ArchiveHost.start(machine);
await machine.mountTmpfs('/archive/main', 1024 * 1024);
const stopped = machine.spawn(['sleep', '1000']);
// Even a process that was stopped, and whose entry from outside stops with it, must go.
await stopped.pid();
machine.freeze();
console.log(JSON.stringify({ bridge: stand.network.bridge, directory: stand.directory }));
setInterval(() => undefined, 1000);
