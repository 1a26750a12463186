import type { CollectionName, ReadService } from '../drivers/driver.ts'
import type { NodeCreate, ProblemError, Quota, Size, Validation } from '../openapi/model/index.ts'
import type { CloudHandle } from './clouds/cloud.ts'

/** `ok` is null if the check could not be made. */
interface CheckResult { ok: boolean | null, detail: string }
type NamedResource = { name: string | null, state: string }

const nouns: Partial<Record<CollectionName, string>> = {
  images: 'image',
  sizes: 'size',
  networks: 'network',
  subnets: 'subnet',
  security_groups: 'security group',
  key_pairs: 'key pair',
  locations: 'zone'
}

/** Collects the ids that a create request references, by service. */
function collectReferences (input: NodeCreate) {
  const { image_id, size_id, key_pair_name, availability_zone, networks = [], security_group_ids = [] } = input
  const ids: Partial<Record<CollectionName, (string | undefined)[]>> = {
    images: [image_id],
    sizes: [size_id],
    networks: networks.map(({ network_id: id }) => id),
    subnets: networks.map(({ subnet_id: id }) => id),
    security_groups: [...security_group_ids, ...networks.flatMap(({ security_group_ids: own = [] }) => own)],
    key_pairs: [key_pair_name],
    locations: [availability_zone]
  }
  return Object.entries(ids).flatMap(([service, values]) => [...new Set(values)]
    .filter((id) => id !== undefined)
    .map((id) => ({ service: service as CollectionName, id })))
}

const isUsable = (state: string) => ['available', 'unknown'].includes(state)

/** Checks that a referenced resource exists and can be used. */
async function checkReference (cloud: CloudHandle, service: CollectionName, id: string): Promise<CheckResult> {
  const noun = nouns[service] ?? service
  const reads = cloud.connection[service] as ReadService<NamedResource> | undefined
  if (reads === undefined) return { ok: null, detail: `This cloud does not list its ${service}` }
  if (cloud.connection.ids[service]?.test(id) === false) {
    return { ok: false, detail: `"${id.slice(0, 64)}" cannot be the id of a ${noun}` }
  }
  try {
    const { name, state } = await cloud.call((_, call) => reads.get(id, { extra: false }, call))
    return { ok: isUsable(state), detail: `The ${noun} ${name ?? id} is ${isUsable(state) ? 'available' : state}` }
  } catch (error) {
    const { code, message } = error as ProblemError
    return { ok: code === 'resource_not_found' ? false : null, detail: message }
  }
}

/** The amount of each quota that a create needs. */
const neededQuotas = ({ count = 1 }: NodeCreate, size: Size | undefined): Record<string, number> => ({
  nodes: count, vcpus: count * (size?.vcpus ?? 0), ram: count * (size?.ram ?? 0)
})

function compareQuotas (quotas: readonly Quota[], needs: Record<string, number>): CheckResult {
  const exceeded = quotas.filter(({ resource, limit, used }) => {
    const need = needs[resource] ?? 0
    return need > 0 && limit !== null && used !== null && used + need > limit
  })
  if (exceeded.length === 0) return { ok: true, detail: 'The quotas allow it' }
  const details = exceeded.map(({ resource, limit, used }) =>
    `${resource}: ${used} of ${limit} used, ${needs[resource]} needed`)
  return { ok: false, detail: details.join('; ') }
}

async function checkQuotas (cloud: CloudHandle, input: NodeCreate): Promise<CheckResult> {
  const { quotas, sizes } = cloud.connection
  if (quotas === undefined) return { ok: null, detail: 'This cloud does not report quotas' }
  try {
    const readSize = async () => sizes === undefined
      ? undefined
      : cloud.call((_, call) => sizes.get(input.size_id, { extra: false }, call)).catch(() => undefined)
    const [items, size] = await Promise.all([cloud.call((_, call) => quotas.list(call)), readSize()])
    return compareQuotas(items, neededQuotas(input, size))
  } catch (error) {
    return { ok: null, detail: (error as Error).message }
  }
}

function checkCapability (check: () => void): CheckResult {
  try {
    check()
    return { ok: true, detail: 'The cloud honours every field' }
  } catch (error) {
    return { ok: false, detail: (error as Error).message }
  }
}

/**
 * Checks a create without creating anything: whether the cloud honours every field, whether all referenced resources
 * exist and can be used, and whether the quotas allow it.
 */
export async function validateNode (
  cloud: CloudHandle, input: NodeCreate, checkCreate: () => void
): Promise<Validation> {
  const [references, quota] = await Promise.all([
    Promise.all(collectReferences(input).map(async ({ service, id }) =>
      ({ name: nouns[service]!, ...await checkReference(cloud, service, id) }))),
    checkQuotas(cloud, input)
  ])
  const checks = [
    { name: 'schema', ok: true, detail: 'The body is valid' },
    { name: 'capability', ...checkCapability(checkCreate) },
    ...references,
    { name: 'quota', ...quota }
  ]
  return { valid: checks.every(({ ok }) => ok !== false), checks }
}
