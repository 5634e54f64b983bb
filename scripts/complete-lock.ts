/**
 * `make lock`: completes package-lock.json with the packages of other systems that the registry in use does not carry.
 *
 * npm leaves an optional package out of the lock when it cannot be looked up, and "npm ci" then refuses the lock everywhere. What is
 * added is never fetched: the system, processor and C library that its name says keep it from being installed on another one.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface LockedPackage {
  version?: string;
  cpu?: string[];
  dev?: boolean;
  libc?: string[];
  optional?: boolean;
  os?: string[];
  optionalDependencies?: Record<string, string>;
}

const systems = ['android', 'darwin', 'freebsd', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'aix', 'win32', 'linux'];
const processors = ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'mips64el', 'wasm32'];

const path = 'package-lock.json';
const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, LockedPackage> };
const added: string[] = [];
for (const [dependent, { dev, optionalDependencies = {} }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const place = `node_modules/${name}`;
    if (lock.packages[place] !== undefined || lock.packages[`${dependent}/${place}`] !== undefined) continue;
    lock.packages[place] = foreignPackage(name, version, dev);
    added.push(`${name}@${version}`);
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
console.log(`${added.length} packages of other systems added to ${path}`);

function foreignPackage(name: string, version: string, dev: boolean | undefined): LockedPackage {
  const system = systems.find((word) => name.includes(word));
  const processor = processors.find((word) => name.includes(word));
  if (system === undefined || processor === undefined) {
    throw new Error(`${name} is optional and not in the registry, and its name does not say for which system it is`);
  }
  return {
    version,
    cpu: [processor],
    ...(dev === true ? { dev } : {}),
    ...(name.includes('musl') ? { libc: ['musl'] } : {}),
    optional: true,
    os: [system],
  };
}
