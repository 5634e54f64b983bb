/**
 * Every directive of ssh_config(5) (OpenSSH 7 to 10), sorted by what it means for us. What is in no list is refused, because
 * it may change the destination or the trust; `IgnoreUnknown` excuses it as it does for ssh.
 */

/** Honoured as ssh does. */
export const honoured: ReadonlySet<string> = new Set([
  'addressfamily',
  'globalknownhostsfile',
  'hostkeyalias',
  'hostname',
  'identitiesonly',
  'identityagent',
  'identityfile',
  'ignoreunknown',
  'port',
  'proxyjump',
  'user',
  'userknownhostsfile',
]);

/**
 * These change where the connection goes or what is trusted, in ways we don't follow: the values listed mean "not that" and
 * are fine, any other is an error that names its line.
 */
export const refusedUnless: ReadonlyMap<string, readonly string[]> = new Map([
  ['bindaddress', []],
  ['bindinterface', []],
  ['canonicalizehostname', ['no', 'false', 'none']],
  ['certificatefile', ['none']],
  ['knownhostscommand', ['none']],
  ['nohostauthenticationforlocalhost', ['no', 'false']],
  ['pkcs11provider', ['none']],
  ['proxycommand', ['none']],
  ['pubkeyauthentication', ['yes', 'true', 'unbound', 'host-bound']],
  ['refuseconnection', []],
  ['revokedhostkeys', ['none']],
  ['smartcarddevice', ['none']],
  // "ask" is as strict as "yes" where nobody can be asked.
  ['stricthostkeychecking', ['yes', 'true', 'ask']],
  ['verifyhostkeydns', ['no', 'false', 'ask']],
]);

/**
 * Without effect on where we connect or whom we trust: terminals, forwardings, other ways of logging in, ssh's own timeouts,
 * connection sharing (we open our own), and lists of algorithms (ours are fixed, without SHA-1, and every host key must be in
 * known_hosts).
 */
export const ignored: ReadonlySet<string> = new Set(
  `addkeystoagent afstokenpassing batchmode canonicaldomains canonicalizefallbacklocal canonicalizemaxdots
  canonicalizepermittedcnames casignaturealgorithms challengeresponseauthentication channeltimeout checkhostip cipher ciphers
  clearallforwardings compression compressionlevel connectionattempts connecttimeout controlmaster controlpath controlpersist
  dsaauthentication dynamicforward enableescapecommandline enablesshkeysign escapechar exitonforwardfailure fallbacktorsh
  fingerprinthash forkafterauthentication forwardagent forwardx11 forwardx11timeout forwardx11trusted gatewayports
  globalknownhostsfile2 gssapiauthentication gssapiclientidentity gssapidelegatecredentials gssapikexalgorithms
  gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns hashknownhosts hostbasedacceptedalgorithms
  hostbasedacceptedkeytypes hostbasedauthentication hostbasedkeytypes hostkeyalgorithms identityfile2 ipqos
  kbdinteractiveauthentication kbdinteractivedevices keepalive kerberosauthentication kerberostgtpassing kexalgorithms
  localcommand localforward loglevel logverbose macs numberofpasswordprompts obscurekeystroketiming passwordauthentication
  permitlocalcommand permitremoteopen preferredauthentications protocol proxyusefdpass pubkeyacceptedalgorithms
  pubkeyacceptedkeytypes rekeylimit remotecommand remoteforward requesttty requiredrsasize rhostsauthentication
  rhostsrsaauthentication rsaauthentication securitykeyprovider sendenv serveralivecountmax serveraliveinterval sessiontype
  setenv setupremoteforward skeyauthentication stdinnull streamlocalbindmask streamlocalbindunlink syslogfacility tag
  tcpkeepalive tisauthentication tunnel tunneldevice updatehostkeys useprivilegedport userknownhostsfile2 useroaming usersh
  versionaddendum visualhostkey warnweakcrypto xauthlocation`.split(/\s+/),
);
