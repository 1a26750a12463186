/**
 * Authenticates a request. Eucalyptus takes AWS' signature version 4 from the Authorization header and version 2 from
 * the parameters. Everything wrong is a 403 of the pipeline. A message may come from 20 seconds ahead and is good for
 * 15 minutes and 20 seconds; a signature is taken once. From Eucalyptus' HmacHandler, QueryTimestampHandler,
 * TimedEvictionSet and StackConfiguration (CLOCK_SKEW_SEC, REPLAY_SKEW_WINDOW_SEC).
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { pipelineFault } from './faults.ts'

export interface Signed {
  method: string
  /** as it stands in the request line, without the query */
  path: string
  headers: IncomingHttpHeaders
  /** of the query string */
  query: URLSearchParams
  /** of the query string and the form */
  parameters: Map<string, string>
  body: string
}

export interface Signer {
  accessKeyId: string
  secretAccessKey: string
  /** for how many seconds a signature may come again */
  replayWindow: () => number
}

const skew = 20_000
const life = 900_000 + skew

/** Remembers the signatures it has seen; throws on what it does not accept. */
export function signatureCheck (signer: Signer): (request: Signed) => void {
  const seen = new Map<string, number>()
  return function check (request) {
    const { signature, date } = request.headers.authorization ? version4(request, signer) : version2(request, signer)
    const now = Date.now()
    for (const [old, at] of seen) if (at < now - life) seen.delete(old)
    const before = seen.get(signature)
    if (before !== undefined && now - before > signer.replayWindow() * 1000 - 1) {
      throw pipelineFault(403, 'Message replay detected')
    }
    if (before === undefined) seen.set(signature, now)
    if (date > now + skew) throw pipelineFault(403, 'Message was generated in the future')
    if (date + life < now) throw pipelineFault(403, 'Message has expired')
  }
}

function version4 ({ method, path, headers, query, body }: Signed, { accessKeyId, secretAccessKey }: Signer) {
  const match = /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/
    .exec(headers.authorization ?? '')
  if (!match) throw pipelineFault(403, 'Unsupported authorization')
  const [, credential = '', names = '', signature = ''] = match
  const [key, day = '', region = '', service = '', end = ''] = credential.split('/')
  const stamp = one(headers, 'x-amz-date')
  if (key !== accessKeyId || end !== 'aws4_request' || !/^\d{8}T\d{6}Z$/.test(stamp) || !stamp.startsWith(day)) {
    throw refused()
  }
  if (!names.split(';').includes('host')) throw refused()
  const lines = names.split(';').map(name => `${name}:${one(headers, name).trim().replace(/ +/g, ' ')}\n`)
  const pairs = [...query].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort()
  const canonical = [method, path, pairs.join('&'), lines.join(''), names, sha256(body)].join('\n')
  const scope = [day, region, service, end]
  const toSign = ['AWS4-HMAC-SHA256', stamp, scope.join('/'), sha256(canonical)].join('\n')
  const signing = scope.reduce<string | Buffer>(
    (secret, part) => hmac('sha256', secret, part),
    `AWS4${secretAccessKey}`
  )
  if (!same(hmac('sha256', signing, toSign).toString('hex'), signature)) throw refused()
  return { signature, date: Date.parse(stamp.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5')) }
}

/** The host is signed with its port by some clients and without it by others. */
function version2 ({ method, path, headers, parameters }: Signed, { accessKeyId, secretAccessKey }: Signer) {
  const take = (name: string) => parameters.get(name) ?? ''
  const signature = take('Signature')
  if (take('AWSAccessKeyId') === '') throw pipelineFault(403, 'Missing required parameter: AWSAccessKeyId')
  const algorithm = { HmacSHA256: 'sha256', HmacSHA1: 'sha1' }[take('SignatureMethod')]
  if (take('AWSAccessKeyId') !== accessKeyId || take('SignatureVersion') !== '2' || !algorithm) throw refused()
  const pairs = [...parameters].filter(([name]) => name !== 'Signature')
    .sort(([a], [b]) => a < b ? -1 : 1).map(([name, value]) => `${encode(name)}=${encode(value)}`)
  const host = one(headers, 'host').toLowerCase()
  const right = [host, host.replace(/:\d+$/, '')].some((name) =>
    same(
      hmac(algorithm, secretAccessKey, [method, name, path, pairs.join('&')].join('\n')).toString('base64'),
      signature
    )
  )
  if (!right) throw refused()
  const expires = Date.parse(take('Expires'))
  const date = parameters.has('Timestamp') ? Date.parse(zoned(take('Timestamp'))) : Math.min(expires - life, Date.now())
  if (Number.isNaN(date)) throw pipelineFault(403, 'Failure to parse timestamp')
  for (const name of ['AWSAccessKeyId', 'Signature', 'SignatureMethod', 'SignatureVersion', 'Timestamp', 'Expires']) {
    parameters.delete(name)
  }
  return { signature, date }
}

function refused () {
  return pipelineFault(403, 'Failed to verify signature')
}

function one (headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name]
  return Array.isArray(value) ? value.join(',') : value ?? ''
}

function zoned (stamp: string): string {
  return /(Z|[+-]\d\d:?\d\d)$/.test(stamp) ? stamp : `${stamp}Z`
}

/** RFC 3986, of which encodeURIComponent leaves out five characters. */
function encode (text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, sign => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
}

function sha256 (text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function hmac (algorithm: string, key: string | Buffer, text: string): Buffer {
  return createHmac(algorithm, key).update(text).digest()
}

function same (a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}
