import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { operationKey } from '../../../drivers/common/tags.ts'
import { build, dummy, root } from '../../helper/app.ts'
import { buildOnMoto, directClient, instancesAt, location, motoCloud, motoLab, users, type MotoLab } from './app.ts'
import { tool } from '../python.ts'

t.setTimeout(300_000)

const run = promisify(execFile)
const base = '/api/v2/clouds/default'

interface Key { access_key_id: string, secret_access_key: string }

/** Runs Amazon's command line client. Resolves with the document that it prints; throws its error. */
function awscli (endpoint: string, { access_key_id: id, secret_access_key: secret }: Key, region = location) {
  const env = {
    PATH: process.env['PATH'] ?? '',
    // Without the files of the user who runs the test.
    HOME: path.join(root, 'none'),
    AWS_ACCESS_KEY_ID: id,
    AWS_SECRET_ACCESS_KEY: secret,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_MAX_ATTEMPTS: '1'
  }
  return async (...args: string[]): Promise<any> => {
    const { stdout } = await run(
      tool('aws'),
      [...args, '--endpoint-url', endpoint, '--region', region, '--output', 'json'],
      { env }
    )
    return stdout.trim() === '' ? {} : JSON.parse(stdout)
  }
}

t.test('awscli shows the resources that the API has created', async (t) => {
  const { api, proxy, image_id } = await buildOnMoto(t)
  const aws = awscli(proxy.url, users.default)
  const make = async (collection: string, body: object) => {
    const answer = await api.post(`${base}/${collection}`, body)
    if (answer.status === 201) return answer.body
    const operation = await api.ended(answer.body)
    t.equal(operation.status, 'succeeded', `${collection}: it is made`, { operation })
    return (await api.get(operation.resource.self)).body
  }
  const tags = { env: 'test', 'with spaces': 'ünd 100 %' }
  const asTheirs = (name: string) => [
    { Key: 'Name', Value: name },
    ...Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
  ]
  const byKey = (list: { Key: string, Value: string }[]) => [...list].sort((a, b) => a.Key < b.Key ? -1 : 1)

  const network = await make('networks', { name: 'front', cidr: '10.7.0.0/16', tags })
  const subnet = await make('subnets', { name: 'front', network_id: network.id, cidr: '10.7.1.0/24' })
  const group = await make('security-groups', { name: 'web', description: 'web servers', network_id: network.id })
  const rule = await api.post(`${group.self}/rules`, {
    direction: 'ingress',
    protocol: 'tcp',
    port_min: 443,
    cidr: '0.0.0.0/0'
  })
  t.equal(rule.status, 201)
  const key = await make('key-pairs', { name: 'mine' })
  const node = await make('nodes', {
    name: 'web',
    image_id,
    size_id: 't3.micro',
    key_pair_name: key.name,
    user_data: '#!/bin/sh\necho hello',
    networks: [{ subnet_id: subnet.id, fixed_ip: '10.7.1.20', security_group_ids: [group.id] }],
    tags
  })
  const volume = await make('volumes', {
    name: 'data',
    size: 3,
    type: 'gp3',
    availability_zone: node.availability_zone,
    tags
  })
  t.equal(
    (await api.ended((await api.post(`${volume.self}/actions/attach`, { node_id: node.id })).body)).status,
    'succeeded'
  )
  const snapshot = await make('snapshots', { name: 'data', volume_id: volume.id })

  const { Reservations: [reservation] } = await aws('ec2', 'describe-instances', '--instance-ids', node.id)
  const [instance] = reservation.Instances
  t.match(instance, {
    InstanceId: node.id,
    InstanceType: 't3.micro',
    ImageId: image_id,
    KeyName: 'mine',
    SubnetId: subnet.id,
    PrivateIpAddress: '10.7.1.20'
  })
  t.same(byKey(instance.Tags), byKey(asTheirs('web')), 'with its tags, and none besides')
  t.ok(instance.NetworkInterfaces[0].Groups.some(({ GroupId: id }: { GroupId: string }) => id === group.id))
  const { UserData: data } = await aws(
    'ec2',
    'describe-instance-attribute',
    '--instance-id',
    node.id,
    '--attribute',
    'userData'
  )
  t.equal(Buffer.from(data.Value, 'base64').toString(), '#!/bin/sh\necho hello')
  const { Volumes: [theirs] } = await aws('ec2', 'describe-volumes', '--volume-ids', volume.id)
  t.match(theirs, { Size: 3, VolumeType: 'gp3', State: 'in-use', Attachments: [{ InstanceId: node.id }] })
  t.same(byKey(theirs.Tags.filter(({ Key: key }: { Key: string }) => key !== operationKey)), byKey(asTheirs('data')))
  const { Snapshots: [taken] } = await aws('ec2', 'describe-snapshots', '--snapshot-ids', snapshot.id)
  t.match(taken, { VolumeId: volume.id, State: 'completed', Tags: [{ Key: 'Name', Value: 'data' }] })
  const { SecurityGroups: [web] } = await aws('ec2', 'describe-security-groups', '--group-ids', group.id)
  t.match(web.IpPermissions, [{ IpProtocol: 'tcp', FromPort: 443, ToPort: 443, IpRanges: [{ CidrIp: '0.0.0.0/0' }] }])
  const { KeyPairs: [pair] } = await aws('ec2', 'describe-key-pairs', '--key-names', 'mine')
  t.equal(pair.KeyFingerprint, key.fingerprint)

  for (const [verb, input] of [['stop', {}], ['resize', { size_id: 't3.small' }]] as const) {
    const { status, body } = await api.post(`${node.self}/actions/${verb}`, input)
    t.equal(status, 202, `${verb} is accepted`, { body })
    t.equal((await api.ended(body)).status, 'succeeded')
  }
  t.equal(
    (await api.patch(node.self, { name: 'renamed', tags: { env: null, added: 'yes' }, protected: true })).status,
    200
  )
  const changed = (await aws('ec2', 'describe-instances', '--instance-ids', node.id)).Reservations[0].Instances[0]
  t.match(changed, { InstanceType: 't3.small', State: { Name: 'stopped' } })
  t.same(
    byKey(changed.Tags),
    byKey([
      { Key: 'Name', Value: 'renamed' },
      { Key: 'with spaces', Value: tags['with spaces'] },
      { Key: 'added', Value: 'yes' }
    ])
  )
  const locked = await aws(
    'ec2',
    'describe-instance-attribute',
    '--instance-id',
    node.id,
    '--attribute',
    'disableApiTermination'
  )
  t.equal(locked.DisableApiTermination.Value, true)
})

t.test('the API shows the resources that awscli has created', async (t) => {
  const { api, proxy, image_id } = await buildOnMoto(t)
  const aws = awscli(proxy.url, users.default)
  const tagged = (kind: string) => [
    '--tag-specifications',
    `ResourceType=${kind},Tags=[{Key=Name,Value=theirs},{Key=env,Value=prod}]`
  ]
  const {
    Instances: [instance]
  } = await aws('ec2', 'run-instances', '--image-id', image_id, '--instance-type', 't3.micro', ...tagged('instance'))
  const volume = await aws(
    'ec2',
    'create-volume',
    '--size',
    '4',
    '--volume-type',
    'gp2',
    '--availability-zone',
    `${location}a`,
    ...tagged('volume')
  )
  const group = await aws('ec2', 'create-security-group', '--group-name', 'theirs', '--description', 'of awscli')
  await aws('ec2', 'create-key-pair', '--key-name', 'theirs')
  await aws('ec2', 'create-tags', '--resources', instance.InstanceId, '--tags', 'Key=later,Value=1')

  const node = (await api.get(`${base}/nodes/${instance.InstanceId}`)).body
  t.match(node, {
    name: 'theirs',
    state: 'running',
    size_id: 't3.micro',
    image_id,
    private_ips: [instance.PrivateIpAddress]
  })
  t.same(node.tags, { env: 'prod', later: '1' })
  t.same((await api.walk(`${base}/nodes?name=theirs&tag=env=prod`)).items.map(({ id }) => id), [node.id])
  t.match((await api.get(`${base}/volumes/${volume.VolumeId}`)).body, {
    name: 'theirs',
    size: 4,
    type: 'gp2',
    state: 'available',
    tags: { env: 'prod' }
  })
  t.match((await api.get(`${base}/security-groups/${group.GroupId}`)).body, {
    name: 'theirs',
    description: 'of awscli'
  })
  t.match((await api.get(`${base}/key-pairs/theirs`)).body, { name: 'theirs' })
  await aws('ec2', 'terminate-instances', '--instance-ids', node.id)
  t.equal((await api.get(node.self)).body.state, 'terminated')
})

t.test('an entry with two locations makes two clouds, and one list covers both', async (t) => {
  const second = 'eu-west-1'
  const { api, moto, client, image_id } = await buildOnMoto(t, {
    clouds: (lab) => ({ default: { ...motoCloud(lab), location: undefined, locations: [location, second] } })
  })
  const { body } = await api.get('/api/v2/clouds')
  t.same(body.items.map(({ name }: { name: string }) => name), [`default-${location}`, `default-${second}`])
  const clients = [client, directClient(moto, second)]
  t.teardown(() => clients[1]!.destroy())

  const clouds = [location, second].map((place) => ({ place, nodes: `/api/v2/clouds/default-${place}/nodes` }))
  const made: any[] = []
  for (const { place, nodes } of clouds) {
    for (const name of ['one', 'two', 'three']) {
      const operation = await api.ended(
        (await api.post(nodes, { name: `${place}-${name}`, image_id, size_id: 't3.micro' })).body
      )
      t.equal(operation.status, 'succeeded', `${name} is made in ${place}`, { operation })
      made.push((await api.get(operation.resource.self)).body)
    }
  }
  const idsOf = (items: { id: string }[]) => items.map(({ id }) => id).sort()
  for (const [i, { place, nodes }] of clouds.entries()) {
    const own = made.filter((node) => node.location === place)
    t.same(
      idsOf(own),
      (await instancesAt(clients[i]!)).map(({ InstanceId: id }) => id).sort(),
      `${place} has those that were made in it`
    )
    const { items, pages } = await api.walk(`${nodes}?limit=2`)
    t.same(idsOf(items), idsOf(own), 'and lists them through pages')
    t.ok(pages.length > 1)
    for (const { availability_zone: zone, cloud } of items) {
      t.match({ zone, cloud }, { zone: new RegExp(`^${place}[a-z]$`), cloud: `default-${place}` })
    }
    const [other] = made.filter((node) => node.location !== place)
    t.equal((await api.get(`${nodes}/${other.id}`)).status, 404, 'and none of the other')
  }
  for (const limit of [1, 4, 100]) {
    const { items } = await api.walk(`/api/v2/nodes?limit=${limit}`)
    t.same(idsOf(items), idsOf(made), `one list tells both, by ${limit}`)
  }
  const { items: sorted } = await api.walk('/api/v2/nodes?sort=name&limit=4')
  t.same(sorted.map(({ name }) => name), made.map(({ name }) => name).sort())

  const [first, , , fourth] = made
  t.equal((await api.ended((await api.post(`${fourth.self}/actions/stop`)).body)).status, 'succeeded')
  t.match((await api.walk('/api/v2/nodes?state=stopped')).items, [{ id: fourth.id, location: second }])
  t.equal((await api.get(first.self)).body.state, 'running', 'what is done in one is not done in the other')
})

/** Makes a user, which moto does not check yet, and a role that the user takes on. */
async function makeUser ({ moto }: Pick<MotoLab, 'moto'>) {
  const everything = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }]
  })
  const unknown = awscli(moto, { access_key_id: 'AKIANOBODY', secret_access_key: 'none' })
  await unknown('iam', 'create-user', '--user-name', 'lab')
  await unknown('iam', 'put-user-policy', '--user-name', 'lab', '--policy-name', 'all', '--policy-document', everything)
  const { AccessKey: made } = await unknown('iam', 'create-access-key', '--user-name', 'lab')
  const key: Key = { access_key_id: made.AccessKeyId, secret_access_key: made.SecretAccessKey }
  const aws = awscli(moto, key)
  const trust = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::123456789012:user/lab' }, Action: 'sts:AssumeRole' }]
  })
  const { Role: role } = await aws(
    'iam',
    'create-role',
    '--role-name',
    'orchestrator',
    '--assume-role-policy-document',
    trust
  )
  await aws(
    'iam',
    'put-role-policy',
    '--role-name',
    'orchestrator',
    '--policy-name',
    'all',
    '--policy-document',
    everything
  )
  return { key, role: String(role.Arn), aws }
}

/** The variables that the SDK finds the user's files by, for as long as the test runs. */
async function userFiles (t: Test, key: Key) {
  const folder = await mkdtemp(path.join(tmpdir(), 'aws-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = path.join(folder, 'credentials')
  await writeFile(
    file,
    `[lab]\naws_access_key_id = ${key.access_key_id}\naws_secret_access_key = ${key.secret_access_key}\n`
  )
  const variables = { AWS_SHARED_CREDENTIALS_FILE: file, AWS_CONFIG_FILE: path.join(folder, 'none') }
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name]
    process.env[name] = value
    t.teardown(() => {
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    })
  }
}

/** A server on a moto that checks signatures, with a cloud for each kind of credentials. */
async function signedIn (t: Test) {
  const lab = await motoLab(t, { authenticate: true, validate: true })
  const { key, role, aws } = await makeUser(lab)
  await userFiles(t, key)
  const { endpoint } = motoCloud(lab)
  const as = (settings: object) => ({ driver: 'ec2', location, endpoint, ...settings })
  const served = await build(t, {
    listen: true,
    clouds: {
      right: as(key),
      profile: as({ profile: 'lab' }),
      role: as({ ...key, role_arn: role, sts_endpoint: endpoint }),
      wrong: as({ ...key, secret_access_key: 'a-secret-that-is-wrong' }),
      unknown: as({ ...key, access_key_id: 'AKIAUNKNOWN' }),
      nobody: as({ profile: 'nobody' }),
      dummy: dummy({ nodes: 2 })
    }
  })
  return { ...served, ...lab, aws }
}

t.test('a cloud checks signatures and permissions', async (t) => {
  const { api, image_id, aws } = await signedIn(t)

  await t.test('a valid key works: requests are signed as Amazon requires', async (t) => {
    const operation = await api.ended(
      (await api.post('/api/v2/clouds/right/nodes', { name: 'a & b = ü', image_id, size_id: 't3.micro' })).body
    )
    t.equal(operation.status, 'succeeded', 'a node is made', { operation })
    t.equal((await aws('ec2', 'describe-instances')).Reservations.length, 1)
    for (const cloud of ['right', 'profile', 'role']) {
      const { status, body } = await api.get(`/api/v2/clouds/${cloud}/nodes`)
      t.equal(status, 200, `${cloud} lists`, { body })
      t.match(body.items, [{ name: 'a & b = ü' }])
      t.equal((await api.get(`/api/v2/clouds/${cloud}`)).body.health.status, 'up')
    }
  })

  await t.test('with wrong credentials only their own cloud is down', async (t) => {
    for (const cloud of ['wrong', 'unknown', 'nobody']) {
      const { status, body } = await api.get(`/api/v2/clouds/${cloud}/nodes`)
      t.equal(status, 502, `${cloud} is refused`, { body })
      t.equal(body.code, 'provider_auth_failed')
      const { health } = (await api.get(`/api/v2/clouds/${cloud}`)).body
      t.match(health, { status: 'down', problem: { code: 'provider_auth_failed' } })
      t.notMatch(JSON.stringify([body, health]), /a-secret-that-is-wrong/)
    }
    const { status, body } = await api.get('/api/v2/nodes?cloud=right,wrong,dummy')
    t.equal(status, 200)
    t.equal(body.items.length, 3)
    t.match(body.sources.map(({ cloud, status }: { cloud: string, status: string }) => [cloud, status]), [
      ['right', 'ok'], ['wrong', 'error'], ['dummy', 'ok']
    ])
  })

  await t.test('an unknown resource is refused at its field', async (t) => {
    const create = (fields: object) =>
      api.post('/api/v2/clouds/right/nodes', { name: 'x', image_id, size_id: 't3.micro', ...fields })
    for (const [fields, pointer] of [
      [{ image_id: 'ami-00000000000000000' }, '/image_id'],
      [{ size_id: 'no.such' }, '/size_id'],
      [{ key_pair_name: 'none' }, '/key_pair_name']
    ] as const) {
      const { status, body } = await create(fields)
      t.equal(status, 422, `${pointer} is refused`, { body })
      t.equal(body.errors?.[0]?.pointer, pointer)
    }
  })

  await t.test('missing permissions are reported, and granted ones work again', async (t) => {
    const denied = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny', Action: 'ec2:StopInstances', Resource: '*' }]
    })
    await aws('iam', 'put-user-policy', '--user-name', 'lab', '--policy-name', 'less', '--policy-document', denied)
    const [node] = (await api.get('/api/v2/clouds/right/nodes')).body.items
    const { status, body } = await api.post(`${node.self}/actions/stop`)
    t.equal(status, 502, 'refused', { body })
    t.equal(body.code, 'provider_permission_denied')
    await aws('iam', 'delete-user-policy', '--user-name', 'lab', '--policy-name', 'less')
    t.equal((await api.ended((await api.post(`${node.self}/actions/stop`)).body)).status, 'succeeded')
  })
})
