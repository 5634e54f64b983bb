/** Strong ones only, those first that are fastest where AES is in hardware (OpenSSH 6.2 and later have them); nothing is compressed twice. */
export const transportAlgorithms: {
  kex: ('curve25519-sha256' | 'curve25519-sha256@libssh.org' | `ecdh-sha2-nistp${256 | 384 | 521}` | FixedGroup)[];
  cipher: (`aes${128 | 256}-gcm@openssh.com` | `aes${128 | 256}-ctr`)[];
  hmac: (`hmac-sha2-${256 | 512}-etm@openssh.com` | `hmac-sha2-${256 | 512}`)[];
  compress: 'none'[];
} = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
    'diffie-hellman-group14-sha256',
  ],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none'],
};

type FixedGroup = `diffie-hellman-group${16 | 18}-sha512` | 'diffie-hellman-group14-sha256';
