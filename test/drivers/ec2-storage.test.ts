import { writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { openCall, type Call } from '../../drivers/call.ts'
import type { Client } from '../../drivers/ec2/client/client.ts'
import { amazon, type Cloud } from '../../drivers/ec2/client/cloud.ts'
import { toImage } from '../../drivers/ec2/image/image-mapping.ts'
import { createImages } from '../../drivers/ec2/image/images.ts'
import { toSize } from '../../drivers/ec2/compute/instance-types.ts'
import { toKeyPair } from '../../drivers/ec2/compute/key-pairs.ts'
import { createPrices, readPrices, resolvePrices } from '../../drivers/ec2/compute/prices.ts'
import { createQuotas } from '../../drivers/ec2/compute/quotas.ts'
import { createSizes } from '../../drivers/ec2/compute/sizes.ts'
import { toSnapshot } from '../../drivers/ec2/storage/snapshots.ts'
import { findFreeDevice } from '../../drivers/ec2/storage/volume-actions.ts'
import { toVolume, toVolumeStatuses } from '../../drivers/ec2/storage/volume-mapping.ts'
import { createVolumes } from '../../drivers/ec2/storage/volumes.ts'
import { createDefaultZone } from '../../drivers/ec2/client/zones.ts'
import type { Size } from '../../openapi/model/index.ts'
import { build } from '../helper/app.ts'
import { startEucalyptus } from '../labs/eucalyptus/index.ts'
import { startFaultProxy } from '../labs/fault-proxy.ts'

const log = { debug () {}, info () {}, warn () {}, error () {} }
const call = (operation?: string): Call =>
  openCall({ timeout: 5000, log, requestId: 'r', operation })
const identity = { id: 'x-1', cloud: 'default', driver: 'ec2', location: 'eu-west-1', self: '/x-1' }

interface SentAction {
  action: string
  input: Record<string, any>
}

/** A cloud that answers with `answer`. `sent` keeps the actions. */
function cloudOf (answer: (sent: SentAction) => object, dialect: Partial<typeof amazon> = {}) {
  const sent: SentAction[] = []
  const send = async (action: string, input: Record<string, unknown>) => {
    sent.push({ action, input })
    return answer({ action, input })
  }
  const client = { read: send, change: send } as unknown as Client
  const cloud: Cloud = {
    client,
    dialect: { ...amazon, ...dialect },
    location: 'eu-west-1',
    identify: () => (id) => ({ ...identity, id })
  }
  return { cloud, sent }
}

t.test('the state of a volume follows its attachment and its modification', async (t) => {
  const state = (raw: object, modifying = false) =>
    toVolume(raw, identity, { isModifying: modifying, extra: false }).state
  const attached = (word: string) => ({ State: 'in-use', Attachments: [{ InstanceId: 'i-1', State: word }] })
  t.equal(state({ State: 'available' }), 'available')
  t.equal(state(attached('attaching')), 'attaching')
  t.equal(state(attached('attached')), 'in_use')
  t.equal(state(attached('busy')), 'detaching')
  t.equal(state(attached('attached'), true), 'updating')
  t.equal(state({ State: 'deleting' }, true), 'deleting')
  t.equal(state({ State: 'dreaming' }), 'unknown')
  t.same(toVolumeStatuses('attaching'), ['in-use'], 'a filter returns more, never less')
  t.same(toVolumeStatuses('updating'), ['available', 'in-use'])
})

t.test('the source of a volume and whether it is bootable are shown if known', async (t) => {
  const shown = (raw: object) => toVolume(raw, identity, { isModifying: false, extra: false })
  t.match(shown({ SnapshotId: '' }), { snapshot_id: null, bootable: false })
  t.match(shown({ SnapshotId: 'snap-1' }), { snapshot_id: 'snap-1', bootable: null })
  t.match(
    shown({ SnapshotId: 'snap-1', Attachments: [{ InstanceId: 'i-1', Device: '/dev/sda1', State: 'attached' }] }),
    {
      bootable: true,
      attachments: [{ node_id: 'i-1', device: '/dev/sda1', state: 'in_use' }]
    }
  )
  t.same(shown({ Attachments: [{ InstanceId: 'i-1', State: 'detached' }] }).attachments, [])
})

t.test('the next free device is the first that no volume has, under either name', async (t) => {
  const on = (...names: string[]) =>
    findFreeDevice({ BlockDeviceMappings: names.map((DeviceName) => ({ DeviceName })) })
  t.equal(on('/dev/sda1'), '/dev/sdf')
  t.equal(on('/dev/xvda', '/dev/sdf', '/dev/xvdg'), '/dev/sdh')
  const letters = [...'fghijklmnopqrstuvwxyz'].map((letter) => `/dev/sd${letter}`)
  t.equal(on(...letters), '/dev/xvdba')
  const all = [
    ...letters,
    ...[...'bcd'].flatMap((a) => [...'abcdefghijklmnopqrstuvwxyz'].map((b) => `/dev/xvd${a}${b}`))
  ]
  t.throws(() => on(...all), { code: 'provider_capacity' })
})

t.test('a volume without a zone is created in the first one, with the operation as token and tag', async (t) => {
  const { cloud, sent } = cloudOf(({ action }) =>
    action === 'DescribeAvailabilityZones'
      ? {
          AvailabilityZones: [
            { ZoneName: 'b', State: 'available' },
            { ZoneName: 'a', State: 'unavailable' }
          ]
        }
      : { VolumeId: 'vol-1' }
  )
  const volumes = createVolumes(cloud, createDefaultZone(cloud.client))
  await volumes.create!({ size: 1, name: 'data' }, call('operation-1'))
  t.match(sent.at(-1)!.input, {
    AvailabilityZone: 'b',
    ClientToken: 'operation-1',
    TagSpecifications: [
      {
        ResourceType: 'volume',
        Tags: [
          { Key: 'Name', Value: 'data' },
          { Key: 'orchestrator:operation', Value: 'operation-1' }
        ]
      }
    ]
  })
  await volumes.create!({ size: 1 }, call('operation-2'))
  t.equal(sent.filter(({ action }) => action === 'DescribeAvailabilityZones').length, 1, 'the zone is kept')
  await volumes.create!({ size: 1, availability_zone: 'c' }, call())
  t.equal(sent.at(-1)!.input['AvailabilityZone'], 'c')
})

t.test(
  'a cloud that sets tags after the creation has no findCreated, and without ModifyVolume no extend',
  async (t) => {
    const { cloud } = cloudOf(() => ({}), { tagsOnCreate: false, volumeChanges: false })
    const volumes = createVolumes(cloud, createDefaultZone(cloud.client))
    t.equal(volumes.findCreated, undefined)
    t.equal(volumes.extend, undefined)
  }
)

t.test('a volume cannot shrink; one that has the size already succeeds', async (t) => {
  const { cloud, sent } = cloudOf(() => ({ Volumes: [{ VolumeId: 'vol-1', Size: 5 }] }))
  const { extend } = createVolumes(cloud, createDefaultZone(cloud.client))
  await t.rejects(extend!('vol-1', { size: 4 }, call()), {
    code: 'validation_failed',
    details: { errors: [{ pointer: '/size' }] }
  })
  await extend!('vol-1', { size: 5 }, call())
  t.notOk(sent.some(({ action }) => action === 'ModifyVolume'))
  await extend!('vol-1', { size: 6 }, call())
  t.match(sent.at(-1), { action: 'ModifyVolume', input: { Size: 6 } })
})

t.test('a snapshot is mapped', async (t) => {
  const raw = {
    SnapshotId: 'snap-1',
    State: 'pending' as const,
    Progress: '42%',
    VolumeSize: 8,
    Description: '',
    Tags: [{ Key: 'Name', Value: 'daily' }]
  }
  t.match(toSnapshot(raw, identity, false), {
    name: 'daily',
    state: 'creating',
    provider_state: 'pending',
    progress: 42,
    size: 8,
    description: null
  })
  t.match(toSnapshot({ State: 'completed' }, identity, false), { state: 'available', progress: null })
})

t.test('an image has its operating system from the billing, and its visibility', async (t) => {
  const shown = (raw: object, account?: string) => toImage(raw, identity, { account, extra: false })
  t.same(shown({ PlatformDetails: 'Linux/UNIX' }).os, { family: 'linux', distro: null, version: null })
  t.same(shown({ PlatformDetails: 'Red Hat Enterprise Linux with HA' }).os, {
    family: 'linux',
    distro: 'rhel',
    version: null
  })
  t.equal(shown({ Platform: 'windows' }).os.family, 'windows')
  t.equal(shown({}).os.family, null)
  t.equal(shown({ Public: true, OwnerId: '1' }).visibility, 'public')
  t.equal(shown({ Public: false, OwnerId: '1' }, '1').visibility, 'private')
  t.equal(shown({ Public: false, OwnerId: '2' }, '1').visibility, 'shared')
  t.equal(shown({ Public: false, OwnerId: '1' }).visibility, null, 'as long as the own account is not known')
  t.equal(shown({ SourceInstanceId: 'i-1' }).is_snapshot, true)
  t.equal(shown({}).is_snapshot, null)
  const mappings = [
    { DeviceName: '/dev/sdb', Ebs: { VolumeSize: 9 } },
    { DeviceName: '/dev/sda1', Ebs: { VolumeSize: 8 } }
  ]
  t.equal(shown({ RootDeviceName: '/dev/sda1', BlockDeviceMappings: mappings }).min_disk, 8)
  t.match(shown({ State: 'transient', CreationDate: '2026-01-01T00:00:00.000Z' }), {
    state: 'pending',
    created_at: '2026-01-01T00:00:00.000Z'
  })
})

t.test(
  'a list of images has the own ones and each recommended kind, page by page, each image once',
  async (t) => {
    const image = (ImageId: string, OwnerId: string, Name: string) => ({
      ImageId,
      OwnerId,
      Name,
      State: 'available',
      Public: true
    })
    const pages: Record<string, object> = {
      'self ': { Images: [image('ami-1', '1', 'mine')], NextToken: 'more' },
      'self more': { Images: [image('ami-2', '1', 'debian-12-mine')] },
      '9 ': { Images: [] },
      '1 ': { Images: [image('ami-2', '1', 'debian-12-mine')] },
      '2 ': { Images: [image('ami-3', '2', 'debian-12-amd64')], NextToken: '' }
    }
    const { cloud, sent } = cloudOf(({ input }) => pages[`${input['Owners'].join()} ${input['NextToken'] ?? ''}`]!)
    const recommended = [
      { owner: '9', name: 'none' },
      { owner: '1', name: 'debian-12-*' },
      { owner: '2', name: 'debian-12-*' }
    ]
    const images = createImages({ cloud, recommended })
    const query = { limit: 50, filters: { name: ['*'], state: ['available'] }, extra: false }
    const listed: string[][] = []
    for (let token: string | null = null; ;) {
      const page: Awaited<ReturnType<typeof images.list>> = await images.list({ ...query, token }, call())
      listed.push(page.items.map(({ id }) => id))
      if (page.next === null) break
      token = page.next
    }
    t.same(listed, [['ami-1'], ['ami-2'], ['ami-3']])
    const filter = ({ input }: SentAction, name: string) =>
      input['Filters'].filter((one: { Name: string }) => one.Name === name).map(({ Values }: any) => Values.join())
    t.same(filter(sent[0]!, 'name'), ['*'])
    t.same(
      filter(sent.at(-1)!, 'name'),
      ['debian-12-*'],
      'the pattern is in the place of the name asked for, which is applied here'
    )
    t.same(filter(sent.at(-1)!, 'state'), ['available'])
  }
)

t.test('the filter owner selects all images, the own ones, or those of an account', async (t) => {
  const { cloud, sent } = cloudOf(() => ({ Images: [] }))
  const images = createImages({ cloud, recommended: [{ owner: '9', name: '*' }] })
  for (const owner of [
    ['all', 'self'],
    ['self', '2']
  ]) { await images.list({ limit: 9, token: null, filters: { owner }, extra: false }, call()) }
  t.same(
    sent.map(({ input }) => input['Owners']),
    [undefined, ['self', '2']]
  )
})

t.test('an image may be deleted with its snapshots', async (t) => {
  const disk = (DeviceName: string, SnapshotId: string) => ({ DeviceName, Ebs: { SnapshotId } })
  const mappings = [disk('/dev/sda1', 'snap-1'), disk('/dev/sdb', 'snap-2'), { DeviceName: '/dev/sdc' }]
  const { cloud, sent } = cloudOf(() => ({ Images: [{ ImageId: 'ami-1', BlockDeviceMappings: mappings }] }))
  const images = createImages({ cloud, recommended: [] })
  await images.destroy!('ami-1', call())
  t.same(
    sent.map(({ action }) => action),
    ['DeregisterImage']
  )
  await images.destroy!('ami-1', call(), { delete_snapshots: true })
  t.same(
    sent.slice(2).map(({ action, input }) => [action, input['SnapshotId']]),
    [
      ['DeregisterImage', undefined],
      ['DeleteSnapshot', 'snap-1'],
      ['DeleteSnapshot', 'snap-2']
    ]
  )
})

t.test('an instance type is mapped to a size', async (t) => {
  const size = toSize(
    {
      InstanceType: 'g5.xlarge',
      VCpuInfo: { DefaultVCpus: 4 },
      MemoryInfo: { SizeInMiB: 16384 },
      InstanceStorageInfo: { TotalSizeInGB: 250 },
      ProcessorInfo: { SupportedArchitectures: ['x86_64'] },
      GpuInfo: { Gpus: [{ Name: 'A10G', Manufacturer: 'NVIDIA', Count: 1, MemoryInfo: { SizeInMiB: 22888 } }] }
    },
    identity,
    null
  )
  t.match(size, {
    vcpus: 4,
    ram: 16384,
    disk: 0,
    ephemeral_disk: 232,
    architecture: ['x86_64'],
    gpus: [{ name: 'NVIDIA A10G', count: 1, memory: 22888 }],
    price: null
  })
  t.match(toSize({ InstanceType: 't3.micro' }, identity, null), { disk: 0, ephemeral_disk: 0 })
  const old = { SupportedRootDeviceTypes: ['instance-store' as const], InstanceStorageInfo: { TotalSizeInGB: 840 } }
  t.match(toSize(old, identity, null), { disk: null, ephemeral_disk: 782 }, 'its root is a part of its local disk')
})

t.test(
  'sizes are read once for all callers, listed in the order of their ids, and read again after a refresh',
  async (t) => {
    let reads = 0
    const size = (id: string) => ({ id, ...(id === 'a' ? { extra: { raw: true } } : {}) }) as unknown as Size
    const sizes = createSizes(async () => {
      reads++
      return [size('c'), size('a'), size('b')]
    })
    const list = (extra = false) => sizes.service.list({ limit: 2, token: null, filters: {}, extra }, call())
    const [first] = await Promise.all([list(), list()])
    t.same(
      first!.items.map(({ id }) => id),
      ['a', 'b', 'c']
    )
    t.equal(first!.items[0]!.extra, undefined)
    t.match(await list(true), {
      items: [{ id: 'a', extra: { raw: true } }, { extra: {} }, { extra: {} }],
      next: null,
      total: 3
    })
    t.equal(await sizes.has('b', call()), true)
    t.equal(await sizes.has('z', call()), false)
    await t.rejects(sizes.service.get('z', { extra: false }, call()), { code: 'resource_not_found' })
    t.equal(reads, 1)
    sizes.refresh()
    await list()
    t.equal(reads, 2)
  }
)

t.test('prices of the driver are found by location and size; others are null', async (t) => {
  const priceOf = createPrices()
  t.match(priceOf('us-east-1', 't3.micro'), {
    amount: '0.0104',
    currency: 'USD',
    per: 'hour',
    as_of: /^\d{4}-\d\d-\d\d$/,
    source: /Libcloud/
  })
  t.equal(priceOf('us-east-1', 'none'), null)
  t.equal(priceOf('nowhere', 't3.micro'), null)
  t.equal(priceOf('constructor', 't3.micro'), null)
})

t.test('a file of prices replaces them; an error names the wrong field', async (t) => {
  const directory = t.testdir({})
  const good = {
    as_of: '2026-01-01',
    source: 'ours',
    currency: 'EUR',
    per: 'hour',
    prices: { here: { small: '0.02' } }
  }
  const write = (content: unknown) => {
    writeFileSync(path.join(directory, 'prices.json'), typeof content === 'string' ? content : JSON.stringify(content))
    return path.join(directory, 'prices.json')
  }
  const file = write(good)
  t.same(resolvePrices({ prices: 'prices.json' }, directory), { prices: file }, 'beside the settings')
  t.same(createPrices(file)('here', 'small'), {
    amount: '0.02',
    currency: 'EUR',
    per: 'hour',
    as_of: '2026-01-01',
    source: 'ours'
  })
  const numbers = { ...good, prices: { here: { small: 0.02 } } }
  t.throws(() => readPrices(write(numbers)), /prices: .*prices\.json: prices\.here\.small must be string/)
  t.throws(() => readPrices(write({ ...good, as_of: 'yesterday' })), /as_of/)
  t.throws(() => readPrices(write({ ...good, currency: undefined })), /currency is required/)
  t.throws(() => readPrices(write('{')), /cannot be read as JSON/)
  t.throws(() => resolvePrices({ prices: 'none.json' }, directory), /prices: .*none\.json cannot be read/)
})

t.test('a key pair is mapped; its private key is returned once', async (t) => {
  const raw = { KeyName: 'me', KeyType: 'ed25519' as const, KeyFingerprint: 'f', PublicKey: 'ssh-ed25519 AAAA me\n' }
  t.match(toKeyPair(raw, identity, { secret: 's', extra: false }), {
    name: 'me',
    type: 'ed25519',
    fingerprint: 'f',
    public_key: 'ssh-ed25519 AAAA me',
    secrets: { private_key: 's' }
  })
  t.equal(toKeyPair(raw, identity, { extra: true }).secrets, undefined)
})

t.test('quotas come from the cloud; nodes are counted by one call, or not at all', async (t) => {
  for (const [NextToken, used] of [[undefined, 2], ['', 2], ['more', null]] as const) {
    const { cloud, sent } = cloudOf(({ action }) => {
      if (action === 'DescribeAddresses') return { Addresses: [{}] }
      if (action === 'DescribeInstanceStatus') return { InstanceStatuses: [{}, {}], NextToken }
      return { AccountAttributes: [{ AttributeName: 'max-instances', AttributeValues: [{ AttributeValue: '20' }] }] }
    })
    t.same(await createQuotas(cloud).list(call()), [{ resource: 'nodes', limit: 20, used, unit: 'count' }])
    t.same(sent.map(({ action }) => action).sort(), [
      'DescribeAccountAttributes', 'DescribeAddresses', 'DescribeInstanceStatus'
    ])
  }
})

t.test('owner=amazon finds the images of Amazon, whose owner is an account with this alias', async (t) => {
  const raw = { ImageId: 'ami-1', OwnerId: '137112412989', ImageOwnerAlias: 'amazon', Name: 'al2023', Public: true }
  const { cloud, sent } = cloudOf(() => ({ Images: [raw] }))
  const images = createImages({ cloud, recommended: [{ owner: 'amazon', name: 'al2023*' }] })
  const ownerOf = async (filters: Record<string, string[]>) => {
    const { items } = await images.list({ limit: 9, token: null, filters, extra: false }, call())
    return items[0]?.owner
  }
  // The server compares the owner again, so it must be a value of the filter.
  t.equal(await ownerOf({ owner: ['amazon'] }), 'amazon')
  t.same(sent[0]!.input['Owners'], ['amazon'])
  t.equal(await ownerOf({ owner: ['137112412989'] }), '137112412989')
  t.equal(await ownerOf({ owner: ['all'] }), '137112412989')
  t.equal(await ownerOf({}), '137112412989')
})

t.test('another cloud lists the images of all; it has no alias for the own account', async (t) => {
  const { api } = await build(t)
  const list = async (query: string) => (await api.get(`/api/v2/clouds/default/images${query}`)).body
  const all = await list('')
  t.same((await list('?owner=all')).items, all.items)
  t.same((await list('?owner=dummy')).items, all.items)
  t.same((await list('?owner=other')).items, [])
  t.match(await list('?owner=self'), { status: 501, code: 'not_supported', capability: 'images.list.owner' })
  const [image] = all.items
  t.match((await api.delete(`${image.self}?delete_snapshots=true`)).body, {
    code: 'not_supported',
    capability: 'images.destroy.delete_snapshots'
  })
})

t.test('a create of a volume whose answer was lost is not repeated if the volume cannot be found', async (t) => {
  const fake = await startEucalyptus()
  t.teardown(fake.close)
  const proxy = await startFaultProxy({
    targets: { cloud: fake.origin },
    keepHost: true,
    manners: async (request, pass) => pass(request)
  })
  t.teardown(() => proxy.close())
  const { hostname, port } = new URL(proxy.urls['cloud']!)
  const { api } = await build(t, {
    listen: true,
    clouds: {
      default: {
        driver: 'eucalyptus',
        host: hostname,
        port: Number(port),
        secure: false,
        access_key_id: fake.accessKeyId,
        secret_access_key: fake.secretAccessKey
      }
    }
  })
  proxy.addRule({ content: /Action=CreateVolume/, times: 1, swallow: true })
  const { status, body } = await api.post('/api/v2/clouds/default/volumes', { size: 1 })
  t.equal(status, 202)
  t.match(await api.ended(body), { status: 'failed', error: { code: 'outcome_unknown' } })
  t.equal(fake.requests.filter(({ action }) => action === 'CreateVolume').length, 1)
})
