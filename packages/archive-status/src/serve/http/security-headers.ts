import { createHash } from 'node:crypto';

/**
 * What each answer carries: nothing may be loaded from anywhere, the page's own style and script are known by their digest, no other
 * page may show it in a frame, and nobody is told where a reader comes from. `connect-src` is for the page that asks for itself.
 */
export function securityHeaders(style: string, script: string): Record<string, string> {
  const policy = [
    "default-src 'none'",
    `style-src '${digestSource(style)}'`,
    `script-src '${digestSource(script)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    'content-security-policy': policy.join('; '),
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
    'cache-control': 'no-store',
  };
}

function digestSource(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
