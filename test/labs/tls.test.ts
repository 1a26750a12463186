import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import t from 'tap'
import { build, dummy, makeDirectory } from '../helper/app.ts'

/** Makes a certificate for 127.0.0.1 and its key with OpenSSL. Returns their paths. */
function makeCertificate (directory: string, name: string) {
  const cert = path.join(directory, `${name}.crt`)
  const key = path.join(directory, `${name}.key`)
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1',
    '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert
  ], { stdio: 'pipe' })
  return { cert, key }
}

/** Returns the name in the certificate that a new connection receives. */
async function readName (port: number) {
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { subject: { CN } } = socket.getPeerCertificate()
  socket.destroy()
  return CN
}

t.setTimeout(60_000)

t.test('the certificate is replaced while requests run, and none of them fails', async (t) => {
  const directory = makeDirectory(t)
  const { cert, key } = makeCertificate(directory, 'first')
  const { app, origin } = await build(t, {
    clouds: { default: dummy({ nodes: 2 }) }, settings: { tls: { cert, key }, metrics: { port: 0 } }, listen: true
  })
  t.match(origin, /^https:/)
  const { port } = new URL(origin)
  const metricsPort = Number(new URL(app.metricsAddress!).port)
  t.equal(await readName(Number(port)), 'first')

  const agents = [new https.Agent({ keepAlive: true }), new https.Agent({ keepAlive: false })]
  const progress = { isRunning: true, answered: 0 }
  const failures: unknown[] = []
  const send = async (agent: https.Agent) => {
    const request = https.get(`${origin}/api/v2/nodes`, { agent, rejectUnauthorized: false })
    const [response] = await once(request, 'response')
    response.resume()
    await once(response, 'end')
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
    progress.answered++
  }
  const running = agents.map(async (agent) => {
    while (progress.isRunning) await send(agent).catch((error: unknown) => failures.push(error))
  })

  // As a program that renews certificates does it: one file after the other.
  const next = makeCertificate(directory, 'second')
  renameSync(next.cert, cert)
  await sleep(1500)
  t.equal(await readName(Number(port)), 'first', 'a certificate without its key is not used')
  renameSync(next.key, key)
  while (await readName(Number(port)) !== 'second') await sleep(100)
  while (await readName(metricsPort) !== 'second') await sleep(100)
  const goal = progress.answered + 20
  while (progress.answered < goal && failures.length === 0) await sleep(20)
  progress.isRunning = false
  await Promise.all(running)
  for (const agent of agents) agent.destroy()
  t.same(failures, [])
  t.ok(progress.answered > 20, 'requests ran all the time', progress)
})

t.test('files that are no certificate with its key are refused at the start', async (t) => {
  const directory = makeDirectory(t)
  const first = makeCertificate(directory, 'first')
  const second = makeCertificate(directory, 'second')
  const start = (tls: object) => build(t, { settings: { tls } })
  await t.rejects(
    start({ cert: first.cert, key: second.key }),
    /tls: the files .*first\.crt and .*second\.key are no certificate/
  )
  await t.rejects(
    start({ cert: path.join(directory, 'none.crt'), key: first.key }),
    /tls\.cert: needs the file .*none\.crt, which cannot be read \(ENOENT\)/
  )
  writeFileSync(path.join(directory, 'empty.crt'), '')
  await t.rejects(start({ cert: path.join(directory, 'empty.crt'), key: first.key }), /tls: the files/)
  await t.rejects(
    start({ cert: first.cert, key: `file:${first.key}` }),
    /tls\.key is the text of a PEM file; expected the path/
  )
})
