import type { CollectionName, ReadService } from '../drivers/driver.ts'
import { ProblemError, type NodeCreate, type Quota, type Size, type Validation } from '../openapi/model/index.ts'
import type { CallFrom, Farm } from './clouds/farm.ts'

interface Result { ok: boolean | null, detail: string }
type Named = { name: string | null, state: string }

const nouns: Partial<Record<CollectionName, string>> = {
  images: 'image', sizes: 'size', networks: 'network', subnets: 'subnet', security_groups: 'security group', key_pairs: 'key pair', locations: 'zone'
}

/** What of each service a create names. */
function namedIn (input: NodeCreate): [CollectionName, string[]][] {
  const { image_id, size_id, key_pair_name, availability_zone, networks = [], security_group_ids = [] } = input
  const defined = (values: (string | undefined)[]) => [...new Set(values.filter((value) => value !== undefined))]
  return [
    ['images', [image_id]],
    ['sizes', [size_id]],
    ['networks', defined(networks.map((one) => one.network_id))],
    ['subnets', defined(networks.map((one) => one.subnet_id))],
    ['security_groups', defined([...security_group_ids, ...networks.flatMap((one) => one.security_group_ids ?? [])])],
    ['key_pairs', defined([key_pair_name])],
    ['locations', defined([availability_zone])]
  ]
}

const unusable = (state: string) => !['available', 'unknown'].includes(state)

/**
 * What a create would meet at the cloud: whether all that it names is there and can be used, and whether the quotas allow
 * it. Nothing is created, and what cannot be found out is null. `honours` is what the capabilities say.
 */
export async function validateNode (
  farm: Farm, cloud: string, input: NodeCreate, honours: () => void, from: CallFrom
): Promise<Validation> {
  const connection = farm.connection(cloud)

  const exists = async (service: CollectionName, id: string): Promise<Result> => {
    const what = nouns[service] ?? service
    const of = connection[service] as ReadService<Named> | undefined
    if (of === undefined) return { ok: null, detail: `This cloud does not tell its ${service}` }
    if (connection.ids[service]?.test(id) === false) return { ok: false, detail: `"${id.slice(0, 64)}" cannot be the id of a ${what}` }
    try {
      const { name, state } = await farm.call(cloud, from, (_, call) => of.get(id, { extra: false }, call))
      return { ok: !unusable(state), detail: `The ${what} ${name ?? id} is ${unusable(state) ? state : 'there'}` }
    } catch (error) {
      const { code, message } = error as ProblemError
      return { ok: code === 'resource_not_found' ? false : null, detail: message }
    }
  }

  const named = namedIn(input).flatMap(([service, ids]) => ids.map((id) => ({ service, id })))
  const [found, quota] = await Promise.all([
    Promise.all(named.map(async ({ service, id }) => ({ name: nouns[service]!, ...await exists(service, id) }))),
    checkQuotas()
  ])
  const checks = [
    { name: 'schema', ok: true, detail: 'The body is valid' },
    { name: 'capability', ...attempt(honours) },
    ...found,
    { name: 'quota', ...quota }
  ]
  return { valid: checks.every(({ ok }) => ok !== false), checks }

  async function checkQuotas (): Promise<Result> {
    const { quotas, sizes } = connection
    if (quotas === undefined) return { ok: null, detail: 'This cloud does not tell its quotas' }
    try {
      const [items, size] = await Promise.all([
        farm.call(cloud, from, (_, call) => quotas.list(call)),
        sizes === undefined
          ? undefined
          : farm.call(cloud, from, (_, call) => sizes.get(input.size_id, { extra: false }, call)).catch(() => undefined)
      ])
      return judgeQuotas(items, needsOf(input, size))
    } catch (error) {
      return { ok: null, detail: (error as Error).message }
    }
  }
}

/** What of each quota a create takes. */
const needsOf = ({ count = 1 }: NodeCreate, size: Size | undefined): Record<string, number> => ({
  nodes: count, vcpus: count * (size?.vcpus ?? 0), ram: count * (size?.ram ?? 0)
})

function judgeQuotas (quotas: readonly Quota[], needs: Record<string, number>): Result {
  const exceeded = quotas.filter(({ resource, limit, used }) => {
    const need = needs[resource] ?? 0
    return need > 0 && limit !== null && used !== null && used + need > limit
  })
  if (exceeded.length === 0) return { ok: true, detail: 'The quotas allow it' }
  const told = exceeded.map(({ resource, limit, used }) => `${resource}: ${String(used)} of ${String(limit)} used, ${needs[resource]} needed`)
  return { ok: false, detail: told.join('; ') }
}

function attempt (run: () => void): Result {
  try {
    run()
    return { ok: true, detail: 'The cloud honours every field' }
  } catch (error) {
    return { ok: false, detail: (error as Error).message }
  }
}
