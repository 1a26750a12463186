import type { Instance } from '@aws-sdk/client-ec2'
import t from 'tap'
import type { Call } from '../../drivers/call.ts'
import { createRecentIds, retryWhileMissing } from '../../drivers/ec2/client/consistency.ts'
import { toProblemError } from '../../drivers/ec2/client/errors.ts'
import { exactRule, nameRule, toFilters } from '../../drivers/ec2/client/lists.ts'
import { toNode } from '../../drivers/ec2/compute/node-mapping.ts'
import { toParameters } from '../../drivers/ec2/compute/node-options.ts'
import { toNodeStatuses } from '../../drivers/ec2/compute/node-states.ts'
import { readTags, toTagList } from '../../drivers/ec2/client/tags.ts'
import { ProblemError } from '../../openapi/model/index.ts'

const can = new Set(['start', 'stop', 'reboot', 'resize', 'suspend', 'destroy'])
const identity = {
  id: 'i-1',
  cloud: 'default',
  driver: 'ec2',
  location: 'eu-west-1',
  self: '/api/v2/clouds/default/nodes/i-1'
}
const launched = new Date('2026-01-01T00:00:00Z')

const node = (instance: Instance) => toNode(instance, { identity, can, isProtected: null, extra: false })

const nic = (attached: Date) => [{ Attachment: { DeviceIndex: 0, AttachTime: attached } }]

t.test('each state of an instance is mapped, and allows what Amazon allows', async (t) => {
  const shown = (name: string, more: Instance = {}) => {
    const { state, allowed_actions: actions, transitioning } = node({ State: { Name: name as 'running' }, ...more })
    return [state, actions.join(' '), transitioning]
  }
  t.same(shown('pending'), ['pending', 'destroy', true])
  t.same(shown('running'), ['running', 'stop reboot destroy', false])
  t.same(shown('stopping'), ['stopping', 'destroy', true])
  t.same(shown('stopped'), ['stopped', 'start resize destroy', false])
  t.same(shown('shutting-down'), ['terminating', '', true])
  t.same(shown('terminated'), ['terminated', '', false])
  t.equal(shown('dreaming')[0], 'unknown')
  t.same(
    shown('running', { RootDeviceType: 'instance-store' }),
    ['running', 'reboot destroy', false],
    'what would be lost is not stopped'
  )
  t.same(shown('running', { HibernationOptions: { Configured: true } }), [
    'running',
    'stop reboot suspend destroy',
    false
  ])
})

t.test('an instance that is pending long after its creation is starting', async (t) => {
  const pending = { State: { Name: 'pending' as const }, LaunchTime: launched }
  t.equal(node({ ...pending, NetworkInterfaces: nic(new Date(launched.getTime() - 1000)) }).state, 'pending')
  t.equal(node({ ...pending, NetworkInterfaces: nic(new Date(launched.getTime() - 61_000)) }).state, 'starting')
  t.equal(node(pending).state, 'pending', 'without a NIC nobody knows')
})

t.test('an instance was created when its first NIC was attached, and launched at its last start', async (t) => {
  const attached = new Date('2025-06-01T00:00:00Z')
  t.match(node({ LaunchTime: launched, NetworkInterfaces: nic(attached) }), {
    created_at: '2025-06-01T00:00:00.000Z',
    launched_at: '2026-01-01T00:00:00.000Z'
  })
  t.equal(node({ LaunchTime: launched }).created_at, '2026-01-01T00:00:00.000Z', 'outside of a VPC there is no NIC')
})

t.test('only a reason that begins with Server. is a fault', async (t) => {
  const ended = (Code: string) => node({ State: { Name: 'terminated' }, StateReason: { Code, Message: 'why' } }).fault
  t.same(ended('Server.InternalError'), { code: 'Server.InternalError', message: 'why' })
  t.equal(ended('Client.UserInitiatedShutdown'), null)
})

t.test("an elastic address is floating; one of Amazon's pool is fixed", async (t) => {
  const {
    addresses,
    public_ips: open,
    private_ips: own
  } = node({
    NetworkInterfaces: [
      {
        NetworkInterfaceId: 'eni-1',
        VpcId: 'vpc-1',
        MacAddress: '02:00:00:00:00:01',
        PrivateIpAddresses: [
          { PrivateIpAddress: '10.0.0.4', Association: { PublicIp: '203.0.113.1', IpOwnerId: 'amazon' } },
          { PrivateIpAddress: '10.0.0.5', Association: { PublicIp: '203.0.113.2', IpOwnerId: '123456789012' } }
        ],
        Ipv6Addresses: [{ Ipv6Address: '2001:db8::4' }]
      }
    ]
  })
  t.same(
    addresses.map(({ address, kind, scope, version }) => [address, kind, scope, version]),
    [
      ['10.0.0.4', 'fixed', 'private', 4],
      ['203.0.113.1', 'fixed', 'public', 4],
      ['10.0.0.5', 'fixed', 'private', 4],
      ['203.0.113.2', 'floating', 'public', 4],
      ['2001:db8::4', 'fixed', 'public', 6]
    ]
  )
  t.match(addresses[0], { network_id: 'vpc-1', nic_id: 'eni-1', mac: '02:00:00:00:00:01' })
  t.same(
    [open, own],
    [
      ['203.0.113.1', '203.0.113.2', '2001:db8::4'],
      ['10.0.0.4', '10.0.0.5']
    ]
  )
  t.same(
    node({ PrivateIpAddress: '10.1.1.1', PublicIpAddress: '10.1.1.1' }).addresses.length,
    1,
    'without NICs both may be the same'
  )
})

t.test("the tag Name is the name; this server's own tag is not shown", async (t) => {
  t.same(
    readTags([
      { Key: 'Name', Value: 'web' },
      { Key: 'env', Value: 'prod' },
      { Key: 'orchestrator:operation', Value: 'x' }
    ]),
    {
      name: 'web',
      tags: { env: 'prod' }
    }
  )
  t.same(readTags([{ Key: 'Name', Value: '' }]), { name: null, tags: {} })
  t.same(toTagList({ name: 'web', tags: { env: 'prod' } }), [
    { Key: 'Name', Value: 'web' },
    { Key: 'env', Value: 'prod' }
  ])
})

t.test('filters are translated for Amazon, and its own wildcards are escaped', async (t) => {
  const rules = {
    name: nameRule,
    state: { name: 'instance-state-name', toValues: toNodeStatuses },
    size_id: exactRule('instance-type')
  }
  t.same(toFilters({ name: ['web*'], state: ['running', 'starting'], tag: ['env=a*b', 'x'] }, rules), [
    { Name: 'tag:Name', Values: ['web*'] },
    { Name: 'instance-state-name', Values: ['running', 'pending'] },
    { Name: 'tag:env', Values: ['a\\*b'] },
    { Name: 'tag-key', Values: ['x'] }
  ])
  t.same(toFilters({ name: ['what?'] }, rules), [{ Name: 'tag:Name', Values: ['what\\?'] }])
  t.equal(toFilters({ state: ['paused'] }, rules), undefined, 'the core filters a state that Amazon does not have')
  t.equal(toFilters({}, rules), undefined)
  t.equal(toFilters({ tag: ['a=b=c'] }, rules), undefined, 'a key may have a =, so the core filters')
})

t.test('options of a create become parameters of RunInstances', async (t) => {
  const sent = (options: Parameters<typeof toParameters>[0]) => JSON.parse(JSON.stringify(toParameters(options)))
  t.same(sent({}), {})
  const profile = 'arn:aws:iam::1:instance-profile/x'
  const options = {
    spot: true,
    spot_max_price: '0.02',
    hibernation: true,
    iam_instance_profile: profile,
    tenancy: 'dedicated' as const
  }
  t.same(sent(options), {
    InstanceMarketOptions: { MarketType: 'spot', SpotOptions: { MaxPrice: '0.02' } },
    HibernationOptions: { Configured: true },
    IamInstanceProfile: { Arn: profile },
    Placement: { Tenancy: 'dedicated' }
  })
})

t.test('each error code of the cloud is mapped to a problem code', async (t) => {
  const told = (name: string, status = 400) =>
    toProblemError(
      Object.assign(new Error('said'), {
        name,
        $fault: 'client',
        $metadata: { httpStatusCode: status, requestId: 'r-1' }
      }),
      true
    ).code
  const codes: Record<string, string> = {
    RequestLimitExceeded: 'provider_rate_limited',
    InsufficientInstanceCapacity: 'provider_capacity',
    InstanceLimitExceeded: 'provider_quota_exceeded',
    VcpuLimitExceeded: 'provider_quota_exceeded',
    RulesPerSecurityGroupLimitExceeded: 'provider_quota_exceeded',
    AuthFailure: 'provider_auth_failed',
    RequestExpired: 'provider_auth_failed',
    UnauthorizedOperation: 'provider_permission_denied',
    'InvalidAMIID.NotFound': 'resource_not_found',
    'InvalidAMIID.Malformed': 'provider_rejected',
    IncorrectInstanceState: 'invalid_state',
    DependencyViolation: 'in_use',
    VolumeInUse: 'in_use',
    'InvalidGroup.InUse': 'in_use',
    'InvalidPermission.Duplicate': 'already_exists',
    InvalidAction: 'not_supported',
    SomethingNew: 'provider_rejected'
  }
  for (const [code, ours] of Object.entries(codes)) t.equal(told(code), ours, code)
  t.equal(told('403 Forbidden', 403), 'provider_auth_failed', "Eucalyptus' pipeline refuses a signature so")
  t.equal(told('400 Bad Request'), 'provider_rejected')
  t.equal(told('InternalError', 500), 'provider_error')
})

t.test('a recent resource that is missing is read again, any other is not', async (t) => {
  const call = { signal: new AbortController().signal } as Call
  const missing = () => new ProblemError('resource_not_found', 'not there')
  let asked = 0
  const appears = async () => {
    if (++asked < 3) throw missing()
    return 'there'
  }
  t.equal(await retryWhileMissing(call, appears), 'there')
  t.equal(asked, 3)
  const recent = createRecentIds()
  recent.add(['i-new'])
  asked = 0
  t.equal(await recent.read('i-new', call, appears), 'there')
  asked = 0
  await t.rejects(recent.read('i-new', call, appears), { code: 'resource_not_found' }, 'once it was seen, it is gone')
  t.equal(asked, 1)
  asked = 0
  await t.rejects(recent.read('i-old', call, appears), { code: 'resource_not_found' })
  t.equal(asked, 1)
})

t.test('a failure of the cloud leaves the outcome of a change unknown, a refusal does not', async (t) => {
  const outcomeUnknown = (status: number, code: string, read = false) => toProblemError(
    Object.assign(new Error('no'), { name: code, $fault: 'server', $metadata: { httpStatusCode: status } }), read
  ).outcomeUnknown
  for (const [status, code, expected] of [
    [400, 'InvalidParameterValue', false],
    [500, 'InsufficientInstanceCapacity', false],
    [503, 'RequestLimitExceeded', false],
    [503, 'Unavailable', false],
    [500, 'InternalError', true],
    [503, 'ServiceUnavailable', true],
    [503, 'InternalFailure', true],
    [500, 'ACodeOfTomorrow', true],
    [502, 'Unknown', true]
  ] as const) {
    t.equal(outcomeUnknown(status, code), expected, `${status} ${code}`)
    t.equal(outcomeUnknown(status, code, true), false, `${status} ${code} of a read`)
  }
})
