import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import { parse, stringify } from '#yaml'
import { build, dummy, makeDirectory, root } from '../helper/app.ts'
import { startTool } from './python.ts'

/** Debian's Prometheus with the rules of this package scrapes the server. */
t.setTimeout(60_000)

const monitoring = path.join(root, 'monitoring')
const run = promisify(execFile)

const read = (name: string) => readFileSync(path.join(monitoring, name), 'utf8')

/** Returns every expression of the dashboard and of the alert rules. */
function findExpressions () {
  const dashboard = JSON.parse(read('grafana-dashboard.json')) as { panels: { targets: { expr: string }[] }[] }
  const rules = parse(read('alerts.yml')) as { groups: { rules: { expr: string }[] }[] }
  return [
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...rules.groups.flatMap(({ rules: all }) => all.map(({ expr }) => expr))
  ].map((expr) => expr.replaceAll('$__rate_interval', '1m').replaceAll('$job', 'cloud-orchestrator'))
}

t.test('promtool accepts the alert rules and the example of prometheus.yml', async (t) => {
  await t.resolves(run('promtool', ['check', 'rules', path.join(monitoring, 'alerts.yml')]))
  await t.resolves(run('promtool', ['check', 'config', path.join(monitoring, 'prometheus.yml')]))
})

t.test('an alert fires for a cloud that is down for five minutes', async (t) => {
  const directory = makeDirectory(t)
  const file = path.join(directory, 'alerts-test.yml')
  writeFileSync(file, stringify({
    rule_files: [path.join(monitoring, 'alerts.yml')],
    tests: [{
      interval: '1m',
      input_series: [{ series: 'orchestrator_cloud_up{cloud="prod"}', values: '1 1 0x20' }],
      alert_rule_test: [
        { eval_time: '4m', alertname: 'OrchestratorCloudDown', exp_alerts: [] },
        {
          eval_time: '10m',
          alertname: 'OrchestratorCloudDown',
          exp_alerts: [{
            exp_labels: { severity: 'warning', cloud: 'prod' },
            exp_annotations: {
              summary: 'The cloud prod is down.',
              description: 'GET /api/v2/clouds/prod has the reason in `health.problem`.'
            }
          }]
        }
      ]
    }]
  }))
  await t.resolves(run('promtool', ['test', 'rules', file]))
})

t.test('Prometheus scrapes the server, and knows each metric of the dashboard and of the rules', async (t) => {
  const { app, api } = await build(t, { clouds: { prod: dummy({ delay: 60 }) }, settings: { metrics: { port: 0 } } })
  const node = { name: 'a', image_id: 'img-debian-12', size_id: 'dummy.small' }
  await api.post('/api/v2/clouds/prod/nodes', node)

  const directory = makeDirectory(t)
  const config = parse(read('prometheus.yml')) as {
    rule_files: string[], scrape_configs: { scrape_interval: string, static_configs: { targets: string[] }[] }[]
  }
  const [scrape] = config.scrape_configs
  scrape!.scrape_interval = '1s'
  scrape!.static_configs = [{ targets: [new URL(app.metricsAddress!).host] }]
  config.rule_files = [path.join(monitoring, 'alerts.yml')]
  writeFileSync(path.join(directory, 'prometheus.yml'), stringify(config))
  const prometheus = await startTool(t, {
    name: 'prometheus',
    file: 'prometheus',
    cwd: directory,
    args: (port) => [
      `--config.file=${directory}/prometheus.yml`, `--web.listen-address=127.0.0.1:${port}`,
      `--storage.tsdb.path=${directory}/data`
    ],
    readyPath: '/-/ready'
  })

  const query = async (expr: string) => {
    const answer = await fetch(`${prometheus}/api/v1/query?query=${encodeURIComponent(expr)}`)
    const { status, data, error } = await answer.json() as {
      status: string, error?: string, data?: { result: { value: [number, string] }[] }
    }
    return { status, error, values: data?.result.map(({ value: [, text] }) => Number(text)) ?? [] }
  }
  while ((await query('up{job="cloud-orchestrator"}')).values[0] !== 1) await sleep(100)

  for (const expr of findExpressions()) {
    const { status, error } = await query(expr)
    t.equal(status, 'success', expr, { error })
    // Operations that ended are counted after their end; the others of these metrics exist now.
    const names = (expr.match(/\b(?:orchestrator|nodejs|process)_\w+/g) ?? [])
      .filter((name) => !name.startsWith('orchestrator_operation_duration'))
    for (const name of names) t.ok((await query(name)).values.length > 0, `${name} is scraped`)
  }
  t.same((await query('orchestrator_cloud_up{cloud="prod"}')).values, [1])
  t.same((await query('sum(orchestrator_operations_under_way)')).values, [1])
})
