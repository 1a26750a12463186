import { createHmac } from 'node:crypto'
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2'
import t from 'tap'
import type { Test } from 'tap'
import { startEucalyptus } from './labs/eucalyptus/index.ts'
import type { Eucalyptus, EucalyptusOptions } from './labs/eucalyptus/index.ts'

interface Ask {
  params?: Record<string, string | number>
  path?: string
  date?: Date
  secret?: string
  key?: string
}

async function start (t: Test, options?: EucalyptusOptions) {
  const cloud = await startEucalyptus(options)
  t.teardown(cloud.close)
  return { cloud, ask: asker(cloud) }
}

/** Signs with version 2. No two calls are of the same moment, as they would have the same signature. */
function asker (cloud: Eucalyptus) {
  let last = 0
  return async function ask (action: string, { params = {}, path = cloud.path, date, secret, key }: Ask = {}) {
    last = Math.max(last + 1, Date.now())
    const stamp = (date ?? new Date(last)).toISOString()
    const all = Object.entries({
      Action: action,
      Version: '2013-10-15',
      AWSAccessKeyId: key ?? cloud.accessKeyId,
      SignatureVersion: '2',
      SignatureMethod: 'HmacSHA256',
      Timestamp: stamp,
      ...params
    })
      .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
      .sort()
    const toSign = ['GET', `${cloud.host}:${cloud.port}`, path, all.join('&')].join('\n')
    const signature = createHmac('sha256', secret ?? cloud.secretAccessKey)
      .update(toSign)
      .digest('base64')
    const url = `${cloud.origin}${path}?${all.join('&')}&Signature=${encodeURIComponent(signature)}`
    const answer = await fetch(url)
    const text = await answer.text()
    const code = /<Code>(.*?)<\/Code>/.exec(text)?.[1]
    return {
      status: answer.status,
      type: answer.headers.get('content-type'),
      text,
      code,
      url,
      values: (name: string) => values(text, name)
    }
  }
}

function values (text: string, name: string): string[] {
  return [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map((match) => match[1]!)
}

function sdk (t: Test, { url, region, accessKeyId, secretAccessKey }: Eucalyptus, more: object = {}) {
  const client = new EC2Client({
    endpoint: url,
    region,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
    ...more
  })
  t.teardown(() => {
    client.destroy()
  })
  return client
}

t.test('who may ask', async (t) => {
  const { cloud, ask } = await start(t)
  t.equal((await ask('DescribeRegions')).status, 200)
  t.equal((await ask('DescribeRegions', { path: '/services/Eucalyptus' })).status, 200)
  t.equal((await ask('DescribeRegions', { path: '/services/compute/' })).status, 200)
  t.match(await ask('DescribeRegions', { path: '/services/Euare' }), { status: 404, code: '404 Not Found' })
  t.match(await ask('DescribeRegions', { secret: 'wrong' }), {
    status: 403,
    code: '403 Forbidden',
    type: 'text/plain; charset=UTF-8'
  })
  t.match(await ask('DescribeRegions', { key: 'nobody' }), { status: 403, code: '403 Forbidden' })
  t.match(await (await fetch(cloud.url)).text(), '<Code>403 Forbidden</Code>')
  t.match(await sdk(t, cloud).send(new DescribeInstancesCommand({})), { Reservations: [] })
})

t.test('the clock may be 20 seconds ahead and 15 minutes behind', async (t) => {
  const { cloud, ask } = await start(t)
  const at = (seconds: number) => ({ date: new Date(Date.now() + seconds * 1000) })
  t.equal((await ask('DescribeRegions', at(15))).status, 200)
  t.match(await ask('DescribeRegions', at(30)), { status: 403, code: '403 Forbidden', text: /in the future/ })
  t.equal((await ask('DescribeRegions', at(-910))).status, 200)
  t.match(await ask('DescribeRegions', at(-930)), { status: 403, text: /expired/ })
  const ahead = sdk(t, cloud, { systemClockOffset: 30_000 })
  await t.rejects(ahead.send(new DescribeInstancesCommand({})), { name: '403 Forbidden' })
})

t.test('a signature is taken once', async (t) => {
  const { cloud, ask } = await start(t)
  const { url } = await ask('DescribeRegions')
  t.equal((await fetch(url)).status, 403)
  cloud.behaviour.replayWindow = 3
  t.equal((await fetch(url)).status, 200, 'but within the window that an admin has set')
  cloud.behaviour.replayWindow = 0

  let sent: { headers: Record<string, string>; body: string; path: string } | undefined
  const client = sdk(t, cloud)
  client.middlewareStack.add(
    (next) => async (args) => {
      sent = args.request as NonNullable<typeof sent>
      return await next(args)
    },
    { step: 'deserialize', priority: 'low' }
  )
  await client.send(new DescribeInstancesCommand({}))
  const { 'content-length': _, host: __, ...headers } = sent!.headers
  const again = await fetch(cloud.origin + sent!.path, { method: 'POST', headers, body: sent!.body })
  t.match({ status: again.status, text: await again.text() }, { status: 403, text: /replay/ })
})

t.test('what a message does not have refuses it', async (t) => {
  const { cloud, ask } = await start(t)
  const refused = { status: 400, code: '400 Bad Request', type: 'text/plain; charset=UTF-8' }
  const zone = { AvailabilityZone: cloud.zones[0]!, Size: 1 }
  t.match(await ask('CreateVolume', { params: { ...zone, ClientToken: 'x' } }), {
    ...refused,
    text: /Failed to bind the following fields:\nClientToken = x\n/
  })
  t.equal((await ask('CreateVolume', { params: zone })).status, 200)
  t.match(await ask('CreateKeyPair', { params: { KeyName: 'k', KeyType: 'rsa' } }), refused)
  const tag = { 'TagSpecification.1.ResourceType': 'instance', 'TagSpecification.1.Tag.1.Key': 'a' }
  t.match(
    await ask('RunInstances', { params: { ImageId: cloud.images.ebs, MinCount: 1, MaxCount: 1, ...tag } }),
    refused
  )
  t.match(
    await ask('RunInstances', { params: { ImageId: cloud.images.ebs, MinCount: 'one', MaxCount: 1 } }),
    refused,
    'no number'
  )
  for (const action of ['Instances', 'InstanceStatus', 'Volumes', 'Snapshots', 'Tags']) {
    const answer = await ask(`Describe${action}`, { params: { MaxResults: 1 } })
    t.match(answer, { status: 200 }, `MaxResults of ${action}`)
    t.notMatch(answer.text, /nextToken/i)
  }
  for (const action of [
    'Images',
    'KeyPairs',
    'SecurityGroups',
    'Vpcs',
    'Subnets',
    'RouteTables',
    'NetworkInterfaces',
    'InstanceTypes',
    'Addresses'
  ]) {
    t.match(await ask(`Describe${action}`, { params: { MaxResults: 5 } }), refused, `MaxResults of ${action}`)
  }
  for (const action of [
    'ModifyVolume',
    'DescribeInstanceTypeOfferings',
    'DescribeSecurityGroupRules',
    'CreateLaunchTemplate'
  ]) {
    t.match(await ask(action), refused, action)
  }
  t.match(await ask('DescribeInstances', { params: { 'Filter.1.Name': 'colour', 'Filter.1.Value.1': 'red' } }), {
    status: 400,
    code: 'InvalidParameterValue',
    type: 'application/xml; charset=UTF-8'
  })
})

t.test('instances take their time, and a token makes them once', async (t) => {
  const { cloud, ask } = await start(t, { behaviour: { delay: Infinity, terminatedFor: Infinity } })
  const params = {
    ImageId: cloud.images.ebs,
    MinCount: 1,
    MaxCount: 2,
    ClientToken: 'once',
    DisableApiTermination: 'true'
  }
  const made = await ask('RunInstances', { params })
  const [id] = made.values('instanceId')
  t.match(id, /^i-[0-9a-f]{8}$/)
  t.same((await ask('RunInstances', { params })).values('instanceId'), made.values('instanceId'))
  t.same((await ask('RunInstances', { params })).values('reservationId'), made.values('reservationId'))
  const one = { 'InstanceId.1': id!.toUpperCase() }
  const state = async () =>
    /<instanceState><code>\d+<\/code><name>([a-z-]+)/.exec((await ask('DescribeInstances', { params: one })).text)?.[1]
  t.equal(await state(), 'pending', 'and ids are compared without case')
  cloud.settle()
  t.equal(await state(), 'running')
  await ask('StopInstances', { params: one })
  t.equal(await state(), 'stopping')
  cloud.settle()
  t.equal(await state(), 'stopped')
  t.match(await ask('ModifyInstanceAttribute', { params: { InstanceId: id!, 'InstanceType.Value': 'm1.large' } }), {
    status: 200
  })
  await ask('StartInstances', { params: one })
  t.equal(await state(), 'pending')
  cloud.settle()
  t.match(await ask('ModifyInstanceAttribute', { params: { InstanceId: id!, 'InstanceType.Value': 'm1.small' } }), {
    code: 'IncorrectInstanceState'
  })
  t.match(await ask('TerminateInstances', { params: one }), { status: 400, code: 'OperationNotPermitted' })
  await ask('ModifyInstanceAttribute', {
    params: { InstanceId: id!, 'DisableApiTermination.Value': 'false', 'SourceDestCheck.Value': 'false' }
  })
  const nat = await ask('DescribeInstanceAttribute', { params: { InstanceId: id!, Attribute: 'sourceDestCheck' } })
  t.same(nat.values('value'), ['true'], 'of two attributes only one is changed')
  await ask('TerminateInstances', { params: one })
  t.equal(await state(), 'shutting-down')
})

t.test('refusals of the service', async (t) => {
  const { cloud, ask } = await start(t, {
    idLength: 17,
    behaviour: { delay: 0, full: new Set(['m1.large']), quotas: { instances: 1 } }
  })
  const run = { ImageId: cloud.images.ebs, MinCount: 1, MaxCount: 1 }
  t.match(await ask('RunInstances', { params: { ...run, InstanceType: 'm1.large' } }), {
    status: 503,
    code: 'InsufficientInstanceCapacity'
  })
  t.match(await ask('RunInstances', { params: { ...run, KeyName: 'none' } }), { code: 'InvalidKeyPair.NotFound' })
  t.match(await ask('RunInstances', { params: { ...run, ImageId: 'emi-00000000' } }), { code: 'InvalidAMIID.NotFound' })
  const { values } = await ask('RunInstances', { params: { ...run, ImageId: cloud.images.store } })
  t.match(values('instanceId')[0], /^i-[0-9a-f]{17}$/)
  t.match(await ask('RunInstances', { params: run }), { status: 400, code: 'InstanceLimitExceeded' })
  t.match(await ask('StopInstances', { params: { 'InstanceId.1': values('instanceId')[0]! } }), {
    code: 'UnsupportedOperation'
  })
  t.match(await ask('DescribeInstances', { params: { 'InstanceId.1': 'i-00000000' } }), {
    code: 'InvalidInstanceID.NotFound'
  })
  t.match(await ask('DescribeVolumes', { params: { 'VolumeId.1': 'vol-00000000' } }), {
    code: 'InvalidVolume.NotFound'
  })
  t.match(await ask('DescribeVolumes', { params: { 'VolumeId.1': 'nonsense' } }), { code: 'InvalidParameterValue' })
  t.match(
    await ask('DescribeInstanceTypes', { params: { Availability: 'true' } }),
    { code: 'AuthFailure' },
    'for administrators'
  )
  const [vpc, group] = (await ask('DescribeSecurityGroups')).text
    .match(/(vpc|sg)-[0-9a-f]+/g)!
    .sort()
    .reverse() as [string, string]
  t.match(await ask('DeleteSecurityGroup', { params: { GroupId: group } }), { code: 'CannotDelete' })
  t.match(await ask('DeleteVpc', { params: { VpcId: vpc } }), { code: 'DependencyViolation' })
  const rule = {
    GroupId: group,
    'IpPermissions.1.IpProtocol': 'tcp',
    'IpPermissions.1.FromPort': 22,
    'IpPermissions.1.ToPort': 22,
    'IpPermissions.1.IpRanges.1.CidrIp': '0.0.0.0/0'
  }
  t.same((await ask('AuthorizeSecurityGroupIngress', { params: rule })).values('return'), ['true'])
  t.same(
    (await ask('AuthorizeSecurityGroupIngress', { params: rule })).values('return'),
    ['false'],
    'one that is there is no fault'
  )
  t.match(cloud.requests.at(-1), {
    action: 'AuthorizeSecurityGroupIngress',
    status: 200,
    parameters: { GroupId: group }
  })
})

t.test('in mode EDGE there are no networks: addresses have no ids, groups of rules have names', async (t) => {
  const { cloud, ask } = await start(t, { behaviour: { edge: true, delay: 0 } })
  t.match((await ask('DescribeAccountAttributes')).text, /supported-platforms.*<attributeValue>EC2</s)
  const address = await ask('AllocateAddress')
  t.same(address.values('allocationId'), [])
  t.same(address.values('domain'), ['standard'])
  const [ip = ''] = address.values('publicIp')
  const made = await ask('RunInstances', {
    params: { ImageId: cloud.images.ebs, MinCount: 1, MaxCount: 1, InstanceType: 'm1.small' }
  })
  t.same([...made.values('vpcId'), ...made.values('networkInterfaceId')], [])
  const [instance = ''] = made.values('instanceId')
  t.equal((await ask('AssociateAddress', { params: { PublicIp: ip, InstanceId: instance } })).status, 200)
  t.same((await ask('DescribeAddresses')).values('instanceId'), [instance])
  t.equal((await ask('ReleaseAddress', { params: { AllocationId: 'eipalloc-12345678' } })).status, 400)
  t.equal((await ask('ReleaseAddress', { params: { PublicIp: ip } })).status, 200)

  const group = { 'IpPermissions.1.Groups.1.GroupName': 'default', 'IpPermissions.1.IpProtocol': '-1' }
  await ask('AuthorizeSecurityGroupIngress', { params: { GroupName: 'default', ...group } })
  const groups = await ask('DescribeSecurityGroups')
  t.same(groups.values('vpcId'), [])
  t.ok(/<groups><item><userId>\d+<\/userId><groupName>default</.test(groups.text), 'a group by its name')
  t.same((await ask('DescribeVpcs')).values('vpcId'), [])
  t.equal((await ask('CreateVpc', { params: { CidrBlock: '10.0.0.0/16' } })).code, 'UnsupportedOperation')
})

t.test('verbose zones are for administrators; nobody bundles', async (t) => {
  const { cloud, ask } = await start(t)
  const params = { 'ZoneName.1': 'verbose' }
  t.same((await ask('DescribeAvailabilityZones', { params })).values('zoneName'), cloud.zones)
  cloud.behaviour.administrator = true
  const { values } = await ask('DescribeAvailabilityZones', { params })
  t.equal(values('zoneName').filter((name) => name === '|- vm types').length, cloud.zones.length)
  t.ok(values('zoneState').some((state) => /^0064 \/ 0064 +1 +256 +5$/.test(state)))
  const tasks = await ask('DescribeBundleTasks')
  t.equal(tasks.status, 200)
  t.match(tasks.text, /<bundleInstanceTasksSet ?(\/>|><\/bundleInstanceTasksSet>)/)
})
