import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Certificate } from './receiver.ts'

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/**
 * Makes an authority with OpenSSL, and a certificate of it for 127.0.0.1. `authority` is the path of the authority's
 * certificate.
 */
export function makeCertificates (directory: string): Certificate & { authority: string } {
  const at = (name: string) => path.join(directory, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
  const signer = ['-CA', at('authority.crt'), '-CAkey', at('authority.key')]
  openssl('req', '-x509', ...newKey, '-days', '1', '-subj', '/CN=Test authority',
    '-keyout', at('authority.key'), '-out', at('authority.crt'))
  openssl('req', ...newKey, '-subj', '/CN=receiver', '-addext', 'subjectAltName=IP:127.0.0.1',
    '-keyout', at('receiver.key'), '-out', at('receiver.csr'))
  openssl('x509', '-req', '-in', at('receiver.csr'), ...signer, '-CAcreateserial', '-days', '1',
    '-copy_extensions', 'copy', '-out', at('receiver.crt'))
  const read = (name: string) => readFileSync(at(name), 'utf8')
  return { cert: read('receiver.crt'), key: read('receiver.key'), authority: at('authority.crt') }
}
