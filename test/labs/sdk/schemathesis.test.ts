import { createReadStream } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { makeDirectory, root } from '../../helper/app.ts'
import { serve } from '../../fixtures/process.ts'
import { runProgram, tools } from './tools.ts'

/** Seconds of one round, and the number of requests that are enough. A slow machine needs more than one round. */
const roundSeconds = 150
const enoughRequests = 9000
const seeds = [20260127, 20260128, 20260129]

/** A finding that is accepted. Fields that are left out fit all findings. */
interface Accepted {
  check: string
  status?: number
  /** Code of the problem in the answer. */
  problem?: string
  /** A regular expression for the method and the URL. */
  request?: string
  reason: string
}

interface Finding {
  check: string
  status: number
  problem: string
  operation: string
  request: string
  message: string
}

interface Scenario {
  recorder: {
    label: string
    checks: Record<string, { name: string, status: string, failure_info?: { failure: { message?: string } } }[]>
    interactions?: Record<string, {
      request: { method: string, uri: string }
      response: { status_code: number, content?: { $base64: string } } | null
    }>
  }
}

function readCode (content: { $base64: string } | undefined): string {
  try {
    return JSON.parse(Buffer.from(content?.$base64 ?? '', 'base64').toString()).code ?? ''
  } catch {
    return ''
  }
}

/** Reads a report of Schemathesis: the number of requests by status, and the checks that failed. */
async function readReport (file: string) {
  const statuses: Record<number, number> = {}
  const findings: Finding[] = []
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const { ScenarioFinished: scenario } = JSON.parse(line) as { ScenarioFinished?: Scenario }
    if (scenario === undefined) continue
    const { label, checks, interactions } = scenario.recorder
    for (const [id, { request, response }] of Object.entries(interactions ?? {})) {
      const status = response?.status_code ?? 0
      statuses[status] = (statuses[status] ?? 0) + 1
      for (const { name, failure_info: info } of (checks[id] ?? []).filter((check) => check.status === 'failure')) {
        findings.push({
          check: name,
          status,
          problem: readCode(response?.content),
          operation: label,
          request: `${request.method} ${request.uri}`,
          message: info?.failure.message ?? ''
        })
      }
    }
  }
  return { statuses, findings }
}

t.test('generated requests find no answer of 500, none that does not fit the document, and nothing new', async (t) => {
  const directory = makeDirectory(t)
  const { url, out } = await serve(t, ['serve'], { cwd: directory, env: { PORT: '0' } })
  const accepted: Accepted[] = JSON.parse(await readFile(path.join(root, 'test/labs/sdk/accepted.json'), 'utf8'))
  t.notOk(accepted.some(({ check }) => check === 'response_schema_conformance'), 'every answer fits the document')
  const isAccepted = (finding: Finding) => accepted.some(({ check, status, problem, request }) =>
    check === finding.check &&
    (status === undefined || status === finding.status) &&
    (problem === undefined || problem === finding.problem) &&
    (request === undefined || new RegExp(request).test(finding.request)))

  let requests = 0
  for (const seed of seeds) {
    const report = path.join(directory, `${seed}.ndjson`)
    const run = await runProgram(directory, path.join(tools, 'python/bin/schemathesis'), [
      'run', `${url}/openapi.json`, '--checks=all',
      // A stream has no end.
      '--exclude-operation-id=streamEvents', `--seed=${seed}`, `--max-time=${roundSeconds}`, '--no-shrink',
      '--no-color', '--report=ndjson', `--report-ndjson-path=${report}`
    ])
    // It exits with 1 if a check has failed, and with 2 if it could not work.
    t.ok(run.code < 2, `seed ${seed}: Schemathesis ran to its end`, { output: run.output.slice(-3000) })
    const { statuses, findings } = await readReport(report)
    await rm(report)
    t.comment(`seed ${seed}: requests by status ${JSON.stringify(statuses)}, ${findings.length} findings`)
    const errors = out.stdout.split('\n').filter((line) => line.includes('"level":50'))
    t.notOk(statuses[500], 'no answer of 500', { errors })
    t.notOk(statuses[0], 'every request has an answer')
    t.same(findings.filter((finding) => !isAccepted(finding)).slice(0, 20), [], 'every finding is in accepted.json')
    requests += Object.values(statuses).reduce((sum, count) => sum + count, 0)
    if (requests >= enoughRequests) break
  }
  t.ok(requests >= enoughRequests, `at least ${enoughRequests} requests`, { requests })
})
