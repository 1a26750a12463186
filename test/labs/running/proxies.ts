import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { root } from '../../helper/app.ts'
import { findFreePort } from '../python.ts'

/** The name in the files of deploy/. */
export const name = 'api.example.org'

export interface Proxy {
  port: number
  /** Process of the proxy. Its children serve the requests. */
  pid: number
  /** Where the proxy would write bodies that it does not stream. */
  temporary: string
}

/** Makes a certificate for the name of the proxies. Returns the paths of the certificate and its key. */
function makeCertificate (directory: string) {
  const cert = path.join(directory, 'proxy.crt')
  const key = path.join(directory, 'proxy.key')
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1',
    '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, '-keyout', key, '-out', cert
  ], { stdio: 'pipe' })
  return { cert, key }
}

/** Replaces each text of a file of deploy/. Throws an Error if the file does not contain one of them. */
export function adapt (file: string, replacements: Record<string, string>) {
  let text = readFileSync(path.join(root, 'deploy', file), 'utf8')
  for (const [from, to] of Object.entries(replacements)) {
    if (!text.includes(from)) throw new Error(`deploy/${file} does not contain ${from}`)
    text = text.replaceAll(from, to)
  }
  return text
}

/** Starts a proxy in the foreground and waits until it accepts connections. It ends with the test. */
async function run (t: Test, program: string, args: readonly string[], port: number) {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk) => { said = (said + String(chunk)).slice(-4000) })
  child.on('error', ({ message }) => { said += message })
  const ended = once(child, 'close').catch(() => {})
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  const isOpen = () => new Promise<boolean>((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.on('connect', () => end(true)).on('error', () => end(false))
  })
  while (!await isOpen()) {
    if (child.exitCode !== null || child.pid === undefined) throw new Error(`${program} has ended:\n${said}`)
    await sleep(50)
  }
  return child.pid!
}

/** Starts nginx with deploy/nginx.conf in front of a port. Needs Debian's package nginx-light or nginx. */
export const startNginx = (t: Test, directory: string, upstream: number): Promise<Proxy> =>
  runNginx(t, directory, 'nginx.conf', { '127.0.0.1:5070': `127.0.0.1:${upstream}` })

/** Starts nginx with deploy/nginx-cluster.conf in front of three ports. */
export const startNginxCluster = (
  t: Test, directory: string, upstreams: readonly [number, number, number]
): Promise<Proxy> =>
  runNginx(t, directory, 'nginx-cluster.conf', Object.fromEntries(
    upstreams.map((port, i) => [`10.0.0.${11 + i}:5070`, `127.0.0.1:${port}`])
  ))

async function runNginx (t: Test, directory: string, file: string, upstreams: Record<string, string>): Promise<Proxy> {
  const temporary = path.join(directory, 'nginx-temporary')
  mkdirSync(temporary)
  const { cert, key } = makeCertificate(directory)
  const port = await findFreePort()
  const server = path.join(directory, 'orchestrator-nginx.conf')
  writeFileSync(server, adapt(file, {
    ...upstreams,
    'listen 443 ssl': `listen 127.0.0.1:${port} ssl`,
    '    listen [::]:443 ssl http2;\n': '',
    '/etc/ssl/orchestrator/fullchain.pem': cert,
    '/etc/ssl/orchestrator/privkey.pem': key
  }))
  const main = path.join(directory, 'nginx.conf')
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const folders = kinds.map((kind) => `${kind}_temp_path ${temporary}/${kind};`)
  // The folders of the test belong to the user who runs it.
  const user = process.getuid!() === 0 ? 'user root;' : ''
  writeFileSync(main, `${user} daemon off; pid ${directory}/nginx.pid; worker_processes 1; error_log stderr warn;
events {}
http { access_log off; ${folders.join(' ')} include ${server}; }`)
  return { port, temporary, pid: await run(t, '/usr/sbin/nginx', ['-c', main, '-e', 'stderr'], port) }
}

/** Starts Apache httpd with deploy/apache.conf in front of a port. Needs Debian's package apache2-bin or apache2. */
export async function startApache (t: Test, directory: string, upstream: number): Promise<Proxy> {
  const temporary = path.join(directory, 'apache-temporary')
  mkdirSync(temporary)
  const { cert, key } = makeCertificate(directory)
  const port = await findFreePort()
  const site = path.join(directory, 'orchestrator-apache.conf')
  writeFileSync(site, adapt('apache.conf', {
    '127.0.0.1:5070': `127.0.0.1:${upstream}`,
    '*:443': `127.0.0.1:${port}`,
    '/etc/ssl/orchestrator/fullchain.pem': cert,
    '/etc/ssl/orchestrator/privkey.pem': key
  }))
  const main = path.join(directory, 'apache2.conf')
  const modules = ['mpm_event', 'authz_core', 'ssl', 'socache_shmcb', 'headers', 'proxy', 'proxy_http', 'reqtimeout']
    .map((module) => `LoadModule ${module}_module /usr/lib/apache2/modules/mod_${module}.so`)
  writeFileSync(main, `${modules.join('\n')}
ServerRoot ${directory}
DefaultRuntimeDir ${temporary}
PidFile ${directory}/apache.pid
ServerName ${name}
Listen 127.0.0.1:${port}
ErrorLog ${directory}/apache-error.log
User www-data
Group www-data
StartServers 1
Include ${site}
`)
  return { port, temporary, pid: await run(t, '/usr/sbin/apache2', ['-D', 'FOREGROUND', '-f', main], port) }
}

export interface Relay {
  port: number
  /** Connections that were opened so far. */
  opened (): number
}

/** Passes connections on to a port and counts them. It ends with the test. */
export async function startRelay (t: Test, upstream: number): Promise<Relay> {
  let opened = 0
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    opened++
    const onward = net.connect({ port: upstream, host: '127.0.0.1', allowHalfOpen: true })
    for (const [one, other] of [[socket, onward], [onward, socket]] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy()).on('close', () => sockets.delete(one))
      one.pipe(other)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return { port: (server.address() as AddressInfo).port, opened: () => opened }
}

export interface Sent {
  path: string
  method?: string
  headers?: Record<string, string>
  body?: string | AsyncIterable<Uint8Array>
  agent?: https.Agent
}

/** Sends a request to a proxy, from 127.0.0.5, so that the client has another address than the proxy. */
export async function send ({ port }: Proxy, { path: at, method = 'GET', headers = {}, body, agent }: Sent) {
  const request = https.request({
    host: '127.0.0.1',
    port,
    path: at,
    method,
    agent: agent ?? false,
    localAddress: '127.0.0.5',
    servername: name,
    rejectUnauthorized: false,
    headers: { host: name, ...headers }
  })
  const answered = once(request, 'response')
  if (typeof body === 'string' || body === undefined) request.end(body)
  // An answer before the end of the body closes the request; the test sees its status.
  else pipeline(body, request).catch(() => {})
  const [response] = await answered
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
  return { status: response.statusCode as number, text }
}

/** Megabytes that a process and its children had at most in memory. */
export function peakMemory (pid: number): number {
  const own = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter((id) => id !== '')
  return Math.max(own, ...children.map((id) => peakMemory(Number(id))))
}
