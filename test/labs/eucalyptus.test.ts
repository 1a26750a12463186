import { execFile } from 'node:child_process'
import { access, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { root } from '../helper/app.ts'
import { startEucalyptus } from './eucalyptus/index.ts'
import type { Eucalyptus } from './eucalyptus/index.ts'

/** Clients that others wrote use the cloud of the tests: awscli signs with version 4, Libcloud with version 2. */
const run = promisify(execFile)
const tool = (name: string) => path.join(root, '.venv/bin', name)
// awscli signs two equal requests of one second equally.
const behaviour = { replayWindow: 3, delay: 50 }

interface Ran { code: number, out: string, err: string }
type Json = Record<string, unknown> & { [name: string]: any }

t.before(async () => {
  for (const name of ['aws', 'python']) {
    await access(tool(name)).catch(() => {
      throw new Error(`${tool(name)} is missing: run bash test/labs/python-tools`)
    })
  }
})

/**
 * What awscli adds a token to, which Eucalyptus does not take. It can be told to speak as it did in the time of
 * Eucalyptus 4.
 */
const tokened = new Set(['create-volume', 'create-route-table'])
const config = '[default]\napi_versions =\n  ec2 = 2015-10-01\n'

/** `aws ec2 …`: the document it prints; what it is refused is told as it says it. */
function aws (t: Test, cloud: Eucalyptus, secret = cloud.secretAccessKey) {
  const home = t.testdir({ config })
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    AWS_ACCESS_KEY_ID: cloud.accessKeyId,
    AWS_SECRET_ACCESS_KEY: secret,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_MAX_ATTEMPTS: '1'
  }
  const call = async (args: string[], more = {}): Promise<Ran> => {
    const all = ['ec2', ...args, '--endpoint-url', cloud.url, '--region', cloud.region, '--output', 'json']
    return await run(tool('aws'), all, { env: { ...env, ...more } }).then(
      ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
      (error: { code: number, stdout: string, stderr: string }) => ({
        code: error.code,
        out: error.stdout,
        err: error.stderr
      })
    )
  }
  return {
    home,
    async ask (...args: string[]): Promise<Json> {
      const { code, out, err } = await call(
        args,
        tokened.has(args[0]!) ? { AWS_CONFIG_FILE: path.join(home, 'config') } : {}
      )
      if (code !== 0) throw new Error(`aws ec2 ${args.join(' ')}: ${err}`)
      return out.trim() === '' ? {} : JSON.parse(out) as Json
    },
    async refused (...args: string[]): Promise<string> {
      const { code, err } = await call(args)
      if (code === 0) throw new Error(`aws ec2 ${args.join(' ')} was not refused`)
      return err
    }
  }
}

t.test('awscli creates an instance with a volume', async t => {
  const cloud = await startEucalyptus({ behaviour })
  t.teardown(cloud.close)
  const { ask } = aws(t, cloud)
  const made = await ask(
    'run-instances',
    '--image-id',
    cloud.images.ebs,
    '--instance-type',
    'm1.medium',
    '--placement',
    'AvailabilityZone=two',
    '--user-data',
    '#!/bin/sh',
    '--client-token',
    'one'
  )
  const id = made['Instances'][0].InstanceId as string
  t.match(made['Instances'][0], {
    State: { Name: 'pending' },
    InstanceType: 'm1.medium',
    Placement: { AvailabilityZone: 'two' }
  })
  await ask('wait', 'instance-running', '--instance-ids', id)
  await ask('create-tags', '--resources', id, '--tags', 'Key=Name,Value=web & <co>')
  const shown = await ask(
    'describe-instances',
    '--filters',
    'Name=tag:Name,Values=web*',
    'Name=instance-state-name,Values=running'
  )
  t.match(shown['Reservations'], [{ Instances: [{ InstanceId: id, Tags: [{ Key: 'Name', Value: 'web & <co>' }] }] }])
  t.match(await ask('describe-tags', '--filters', `Name=resource-id,Values=${id}`), {
    Tags: [{ ResourceType: 'instance', Key: 'Name' }]
  })
  t.match(await ask('describe-instance-attribute', '--instance-id', id, '--attribute', 'userData'), {
    UserData: { Value: Buffer.from('#!/bin/sh').toString('base64') }
  })
  t.match(await ask('get-console-output', '--instance-id', id), { InstanceId: id })

  await ask('reboot-instances', '--instance-ids', id)
  t.match(await ask('stop-instances', '--instance-ids', id), {
    StoppingInstances: [{ CurrentState: { Name: 'stopping' }, PreviousState: { Name: 'running' } }]
  })
  cloud.settle()
  t.match(await ask('start-instances', '--instance-ids', id), {
    StartingInstances: [{ CurrentState: { Name: 'pending' }, PreviousState: { Name: 'stopped' } }]
  })
  cloud.settle()

  const volume = (await ask('create-volume', '--availability-zone', 'two', '--size', '3'))['VolumeId'] as string
  await ask('wait', 'volume-available', '--volume-ids', volume)
  const attach = ['--volume-id', volume, '--instance-id', id, '--device', '/dev/sdf']
  t.match(await ask('attach-volume', ...attach), { State: 'attaching', InstanceId: id })
  await ask('wait', 'volume-in-use', '--volume-ids', volume)
  t.match(await ask('detach-volume', '--volume-id', volume), { State: 'detaching' })
  await ask('wait', 'volume-available', '--volume-ids', volume)
  await ask('delete-volume', '--volume-id', volume)
  await ask('terminate-instances', '--instance-ids', id)
  await ask('wait', 'instance-terminated', '--instance-ids', id)
})

t.test('awscli creates volumes, snapshots and images', async t => {
  const cloud = await startEucalyptus({ behaviour })
  t.teardown(cloud.close)
  const { ask, refused } = aws(t, cloud)
  const made = await ask('run-instances', '--image-id', cloud.images.own)
  const id = made['Instances'][0].InstanceId as string
  cloud.settle()
  const [root] = (await ask('describe-volumes', '--filters', `Name=attachment.instance-id,Values=${id}`))[
    'Volumes'
  ] as Json[]
  t.match(root, {
    State: 'in-use',
    Size: 5,
    Attachments: [{ InstanceId: id, State: 'attached', DeleteOnTermination: true }]
  })
  const snapshot = await ask('create-snapshot', '--volume-id', root!['VolumeId'], '--description', 'before')
  t.match(snapshot, { State: 'pending', VolumeSize: 5 })
  await ask('wait', 'snapshot-completed', '--snapshot-ids', snapshot['SnapshotId'])
  const image = await ask('create-image', '--instance-id', id, '--name', 'saved')
  await ask('wait', 'image-available', '--image-ids', image['ImageId'])
  const listed = await ask('describe-images', '--owners', 'self')
  t.same(listed['Images'].map((one: Json) => one['Name']).sort(), ['own-ebs', 'saved'])
  await ask('modify-image-attribute', '--image-id', image['ImageId'], '--launch-permission', 'Add=[{Group=all}]')
  t.match(await ask('describe-image-attribute', '--image-id', image['ImageId'], '--attribute', 'launchPermission'), {
    LaunchPermissions: [{ Group: 'all' }]
  })
  t.match(await refused('detach-volume', '--volume-id', root!['VolumeId']), 'InternalFailure', 'not the root volume')
  t.match(await refused('delete-volume', '--volume-id', root!['VolumeId']), 'VolumeInUse')
  await ask('deregister-image', '--image-id', image['ImageId'])
  await ask('delete-snapshot', '--snapshot-id', snapshot['SnapshotId'])
  await ask('terminate-instances', '--instance-ids', id)
  await ask('wait', 'instance-terminated', '--instance-ids', id)
  cloud.settle()
  t.match(await refused('describe-volumes', '--volume-ids', root!['VolumeId']), 'InvalidVolume.NotFound')
})

t.test('awscli creates keys, groups, addresses and networks', async t => {
  const cloud = await startEucalyptus({ behaviour })
  t.teardown(cloud.close)
  const { ask, refused, home } = aws(t, cloud)
  t.same(
    (await ask('describe-availability-zones'))['AvailabilityZones'].map((zone: Json) => zone['ZoneName']),
    ['one', 'two']
  )
  t.match(await ask('describe-account-attributes'), { AccountAttributes: [{ AttributeName: 'supported-platforms' }] })

  t.match(await ask('create-key-pair', '--key-name', 'mine'), {
    KeyName: 'mine',
    KeyMaterial: /^-----BEGIN RSA PRIVATE KEY-----/
  })
  const file = path.join(home, 'key.pub')
  await writeFile(file, `ssh-rsa ${Buffer.from('a key').toString('base64')} me`)
  t.match(await ask('import-key-pair', '--key-name', 'theirs', '--public-key-material', `file://${file}`), {
    KeyName: 'theirs'
  })
  t.match(await refused('create-key-pair', '--key-name', 'mine'), 'InvalidKeyPair.Duplicate')

  const group = (await ask('create-security-group', '--group-name', 'web', '--description', 'of the web'))[
    'GroupId'
  ] as string
  await ask(
    'authorize-security-group-ingress',
    '--group-id',
    group,
    '--protocol',
    'tcp',
    '--port',
    '80',
    '--cidr',
    '0.0.0.0/0'
  )
  t.match(await ask('describe-security-groups', '--group-ids', group), {
    SecurityGroups: [
      {
        GroupName: 'web',
        IpPermissions: [{ FromPort: 80, IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
        IpPermissionsEgress: [{ IpProtocol: '-1' }]
      }
    ]
  })

  const vpc = (await ask('create-vpc', '--cidr-block', '10.0.0.0/16'))['Vpc'].VpcId as string
  const subnet = (await ask('create-subnet', '--vpc-id', vpc, '--cidr-block', '10.0.1.0/24'))['Subnet']
    .SubnetId as string
  const gateway = (await ask('create-internet-gateway'))['InternetGateway'].InternetGatewayId as string
  await ask('attach-internet-gateway', '--vpc-id', vpc, '--internet-gateway-id', gateway)
  const table = (await ask('create-route-table', '--vpc-id', vpc))['RouteTable'].RouteTableId as string
  await ask('create-route', '--route-table-id', table, '--destination-cidr-block', '0.0.0.0/0', '--gateway-id', gateway)
  t.match(await ask('associate-route-table', '--route-table-id', table, '--subnet-id', subnet), {
    AssociationId: /^rtbassoc-/
  })
  t.match(await refused('delete-vpc', '--vpc-id', vpc), 'DependencyViolation')

  const instance = (
    await ask(
      'run-instances',
      '--image-id',
      cloud.images.ebs,
      '--subnet-id',
      subnet,
      '--private-ip-address',
      '10.0.1.9'
    )
  )['Instances'][0] as Json
  t.match(instance, { VpcId: vpc, PrivateIpAddress: '10.0.1.9', NetworkInterfaces: [{ SubnetId: subnet }] })
  cloud.settle()
  const address = await ask('allocate-address', '--domain', 'vpc')
  t.match(
    await ask('associate-address', '--allocation-id', address['AllocationId'], '--instance-id', instance['InstanceId']),
    { AssociationId: /^eipassoc-/ }
  )
  t.match(await ask('describe-instances', '--instance-ids', instance['InstanceId']), {
    Reservations: [{ Instances: [{ PublicIpAddress: address['PublicIp'] }] }]
  })
  t.match(await refused('delete-subnet', '--subnet-id', subnet), 'DependencyViolation')
})

t.test('awscli receives the errors of Eucalyptus', async t => {
  const cloud = await startEucalyptus({ behaviour })
  t.teardown(cloud.close)
  const { refused } = aws(t, cloud)
  t.match(
    await refused('describe-vpcs', '--max-items', '5', '--page-size', '5'),
    /\(400 Bad Request\)[\s\S]*MaxResults = 5/
  )
  t.match(
    await refused('create-volume', '--availability-zone', 'two', '--size', '3'),
    /\(400 Bad Request\)[\s\S]*ClientToken/
  )
  t.match(
    await refused(
      'run-instances',
      '--image-id',
      cloud.images.ebs,
      '--tag-specifications',
      'ResourceType=instance,Tags=[{Key=a,Value=b}]'
    ),
    '(400 Bad Request)'
  )
  t.match(await refused('describe-instance-type-offerings'), '(400 Bad Request)')
  t.match(await refused('describe-instances', '--instance-ids', 'i-00000000'), '(InvalidInstanceID.NotFound)')
  t.match(await aws(t, cloud, 'another secret').refused('describe-instances'), '(403 Forbidden)')
})

for (const where of ['/services/compute', '/services/Eucalyptus']) {
  t.test(`Libcloud at ${where}`, async t => {
    // Libcloud asks for the zones of the region that it takes every cloud to be in.
    const cloud = await startEucalyptus({ behaviour, region: 'us-east-1' })
    t.teardown(cloud.close)
    const check = path.join(root, 'test/labs/eucalyptus/libcloud_check.py')
    const libcloud = async (secret: string) => {
      const args = [
        check,
        cloud.host,
        String(cloud.port),
        where,
        cloud.accessKeyId,
        secret,
        cloud.version,
        cloud.images.ebs
      ]
      return JSON.parse((await run(tool('python'), args)).stdout) as Json
    }
    const seen = await libcloud(cloud.secretAccessKey)
    t.match(seen, {
      sizes: { 't1.micro': [1, 5, 256], 'm1.medium': [1, 10, 512], 'm3.xlarge': [4, 15, 2048] },
      images: Object.values(cloud.images).sort(),
      zones: ['one', 'two'],
      private_key: '-----BEGIN RSA PRIVATE KEY-----',
      key_pairs: ['libcloud'],
      tags_refused: '400 Bad Request: Failed to bind the following fields:',
      running: 'running',
      name: 'by-libcloud',
      rebooted: true,
      attached: true,
      in_use: 'inuse',
      snapshot_deleted: true,
      volume_deleted: true,
      destroyed: true,
      end: 'terminated',
      key_deleted: true
    })
    t.match(await libcloud('another secret'), { refused: /^(InvalidCredsError|BaseHTTPError)$/ })
  })
}

t.test('awscli sees mode EDGE, verbose zones and bundle tasks', async (t) => {
  const cloud = await startEucalyptus({ behaviour: { ...behaviour, edge: true, administrator: true } })
  t.teardown(cloud.close)
  const { ask } = aws(t, cloud)
  const address = await ask('allocate-address')
  t.match(address, { Domain: 'standard', PublicIp: /^\d/ })
  t.notOk('AllocationId' in address)
  const { Instances: [instance] } = await ask(
    'run-instances', '--image-id', cloud.images.ebs, '--instance-type', 'm1.small'
  )
  t.notOk('VpcId' in instance || instance.NetworkInterfaces?.length > 0, 'no network', { instance })
  await ask('associate-address', '--public-ip', address['PublicIp'], '--instance-id', instance.InstanceId)
  t.match(await ask('describe-addresses'), { Addresses: [{ InstanceId: instance.InstanceId, Domain: 'standard' }] })
  await ask('disassociate-address', '--public-ip', address['PublicIp'])
  await ask('release-address', '--public-ip', address['PublicIp'])
  t.same((await ask('describe-addresses'))['Addresses'], [])
  t.same((await ask('describe-vpcs'))['Vpcs'], [])
  const { AvailabilityZones: zones } = await ask('describe-availability-zones', '--zone-names', 'verbose')
  t.match(zones[1], { ZoneName: '|- vm types', State: /^free \/ max/ })
  t.same((await ask('describe-bundle-tasks'))['BundleTasks'], [])
})
