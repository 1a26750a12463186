import t, { type Test } from 'tap'
import { dummy } from '../../helper/app.ts'
import { buildOnMoto, motoCloud } from './app.ts'

t.setTimeout(300_000)

const nodes = '/api/v2/clouds/default/nodes'

/** A server whose cloud `default` is moto behind the proxy, beside a dummy cloud that has nothing to do with it. */
async function behindProxy (t: Test, settings: object = {}) {
  const served = await buildOnMoto(t, {
    clouds: (lab) => ({ default: motoCloud(lab, 'default', { timeout: 5, ...settings }), other: dummy({ nodes: 3 }) })
  })
  const { api, image_id } = served
  let made = 0
  const body = (fields: object = {}) => ({ name: `faults-${++made}`, image_id, size_id: 't3.micro', ...fields })
  const create = (fields: object = {}) => api.post(nodes, body(fields))
  const node = async (fields: object = {}) => {
    const operation = await api.ended((await create(fields)).body)
    if (operation.status !== 'succeeded') throw new Error(JSON.stringify(operation))
    return String(operation.resource.self)
  }
  return { ...served, body, create, node }
}

t.test('what the cloud refuses is told by its code and with its request id', async (t) => {
  const { api, proxy, create, node } = await behindProxy(t)
  const self = await node()

  const list = () => api.get(nodes)
  const reboot = () => api.post(`${self}/actions/reboot`)
  const cases: [action: string, code: string, status: number, ours: string, ask: () => ReturnType<typeof list>][] = [
    ['DescribeInstances', 'AuthFailure', 502, 'provider_auth_failed', list],
    ['DescribeInstances', 'RequestExpired', 502, 'provider_auth_failed', list],
    ['DescribeInstances', 'UnauthorizedOperation', 502, 'provider_permission_denied', list],
    ['DescribeInstances', 'OptInRequired', 502, 'provider_permission_denied', list],
    ['DescribeInstances', 'InvalidParameterValue', 422, 'provider_rejected', list],
    ['DescribeInstances', 'InternalError', 502, 'provider_error', list],
    ['DescribeInstances', 'Unavailable', 503, 'provider_unavailable', list],
    ['DescribeInstances', 'RequestLimitExceeded', 503, 'provider_rate_limited', list],
    ['RunInstances', 'InsufficientInstanceCapacity', 503, 'provider_capacity', create],
    ['RunInstances', 'InstanceLimitExceeded', 409, 'provider_quota_exceeded', create],
    ['RunInstances', 'VcpuLimitExceeded', 409, 'provider_quota_exceeded', create],
    ['RunInstances', 'UnauthorizedOperation', 502, 'provider_permission_denied', create],
    ['RunInstances', 'InvalidAMIID.NotFound', 422, 'validation_failed', create],
    ['RunInstances', 'InvalidAMIID.Malformed', 422, 'validation_failed', create],
    ['RunInstances', 'RequestLimitExceeded', 503, 'provider_rate_limited', create],
    ['RebootInstances', 'IncorrectInstanceState', 409, 'invalid_state', reboot],
    ['RebootInstances', 'UnauthorizedOperation', 502, 'provider_permission_denied', reboot],
    ['RebootInstances', 'InvalidInstanceID.NotFound', 404, 'resource_not_found', reboot]
  ]
  for (const [action, code, status, ours, ask] of cases) {
    await t.test(`${action} ${code}: ${status} ${ours}`, async (t) => {
      const rule = proxy.refuse(action, code)
      t.teardown(rule.remove)
      const answer = await ask()
      t.equal(answer.status, status, 'the status', { body: answer.body })
      t.match(answer.body, { code: ours, cloud: 'default', driver: 'ec2', provider_error: { code, request_id: rule.requestId } })
      if (code.startsWith('InvalidAMIID')) t.equal(answer.body.errors[0].pointer, '/image_id')
      if (code === 'RequestExpired') t.match(answer.body.hint, /NTP/)
      t.ok(rule.hits >= 1)
    })
  }
})
