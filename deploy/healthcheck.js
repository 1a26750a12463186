import http from 'node:http'
import https from 'node:https'

// Exits with 0 if the server on this machine can answer requests, otherwise with 1 and the reason on stderr. It needs no
// credential. Set HEALTH_URL if the server has `tls` or another port: https://127.0.0.1:5070/health/ready.
const url = process.env.HEALTH_URL ?? `http://127.0.0.1:${process.env.PORT ?? 5070}/health/ready`
const timeoutMs = 4000

const fail = (reason) => {
  console.error(`${url}: ${reason}`)
  process.exit(1)
}

// The certificate is for the name that clients use. This request stays on the machine.
const options = { timeout: timeoutMs, ...(url.startsWith('https:') && { rejectUnauthorized: false }) }
const request = (url.startsWith('https:') ? https : http).get(url, options, (response) => {
  if (response.statusCode !== 200) fail(`the answer has the status ${response.statusCode}`)
  response.resume()
})
request.on('timeout', () => fail(`no answer within ${timeoutMs / 1000} seconds`))
request.on('error', (error) => fail(error.message))
