import { toFailure } from '../base/failure.ts';
import type { Right } from '../protocol/messages.ts';
import type { ArchiveSession } from './archive-session.ts';
import { probeHost } from './ask.ts';

/** What a look at one archive host found, in words; `advice` says what to do. */
interface HostObservation {
  isGood: boolean;
  what: string;
  advice?: string;
}

export interface HostLook {
  observations: HostObservation[];
  /** Tells two archives from one that is reached by two names; undefined when unreachable. */
  storeId: string | undefined;
  systemIdentifier: string | undefined;
  segmentSizeBytes: number | undefined;
  /** What the host calls its peer, and the archive that it has a pledge of two copies with (empty without one). */
  peer: string | undefined;
  pledgedWith: string | undefined;
}

const unknownHost: Omit<HostLook, 'observations'> = {
  storeId: undefined,
  systemIdentifier: undefined,
  segmentSizeBytes: undefined,
  peer: undefined,
  pledgedWith: undefined,
};

const lowSpaceBytes = 10 * 1024 ** 3;

/** Connects to a host, looks at what it grants and holds, and has it try what it will have to do. Never throws. */
export async function lookAtHost(host: string, needed: Right, open: () => Promise<ArchiveSession>): Promise<HostLook> {
  const observations: HostObservation[] = [];
  let session: ArchiveSession | undefined;
  try {
    session = await open();
    const { hello } = session;
    observations.push({ isGood: true, what: `${host}: reached, host key and login verified, session open` });
    observations.push(observeRights(host, hello.rights, needed));
    observations.push({ isGood: true, what: `${host}: ${identityInWords(hello.systemIdentifier)}` });
    const probed = await probeHost(session);
    observations.push({
      isGood: true,
      what: needed === 'put' ? `${host}: wrote, fsynced and hard-linked a file` : `${host}: archive can be read`,
    });
    observations.push(observeSpace(host, probed.freeBytes, probed.freeInodes));
    if (needed === 'put') observations.push(...observePeer(host, probed.peer, probed.peerProblem, probed.debts));
    const { storeId, systemIdentifier, segmentSizeBytes, peer, pledgedWith } = hello;
    return { observations, storeId, systemIdentifier, segmentSizeBytes, peer, pledgedWith };
  } catch (error) {
    const failure = toFailure(error);
    observations.push({
      isGood: false,
      what: `${host}: ${failure.message}`,
      ...(failure.hint === undefined ? {} : { advice: failure.hint }),
    });
    return { ...unknownHost, observations };
  } finally {
    session?.close();
  }
}

function observeRights(host: string, rights: readonly string[], needed: Right): HostObservation {
  if (rights.includes(needed)) return { isGood: true, what: `${host}: the key may ${rights.join(', ')}` };
  return {
    isGood: false,
    what: `${host}: the key may ${rights.join(', ') || 'do nothing'}, not ${needed}`,
    advice: `Add ${needed} to --allow in the key's authorized_keys line on ${host}.`,
  };
}

function identityInWords(systemIdentifier: string | undefined): string {
  if (systemIdentifier === undefined) return 'the archive is empty, it takes its identity from the first segment';
  return `the archive is of cluster ${systemIdentifier}`;
}

function observeSpace(host: string, freeBytes: number, freeInodes: number): HostObservation {
  const gigabytes = (freeBytes / 1024 ** 3).toFixed(1);
  const isGood = freeBytes > lowSpaceBytes && freeInodes !== 0;
  return {
    isGood: isGood || freeBytes > 0,
    what: `${host}: ${gigabytes} GiB and ${freeInodes} inodes free`,
    ...(isGood ? {} : { advice: 'That is little for an archive: make room, or watch it closely.' }),
  };
}

function observePeer(
  host: string,
  peer: string | undefined,
  peerProblem: string | undefined,
  debts: number,
): HostObservation[] {
  if (peer === undefined) {
    return [
      {
        isGood: false,
        what: `${host}: knows no peer, so it forwards nothing`,
        advice: `Add --peer NAME=user@host to the forced command on ${host}, or name both hosts.`,
      },
    ];
  }
  if (peerProblem !== undefined) {
    return [
      {
        isGood: false,
        what: `${host}: its peer ${peer} cannot take forwarded files: ${peerProblem}`,
        advice: `Look at the peer, and that ${host}'s key may log in there with --allow sync and knows its host key.`,
      },
    ];
  }
  const owed = debts === 0 ? 'nothing is owed' : `${debts} files are owed and being paid`;
  return [{ isGood: true, what: `${host}: its peer ${peer} takes forwarded files; ${owed}` }];
}
