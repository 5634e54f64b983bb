import packageJson from '../../package.json' with { type: 'json' };

/** The release of all parts, and what an agent compares to know that it is outdated. */
export const programVersion: string = packageJson.version;
