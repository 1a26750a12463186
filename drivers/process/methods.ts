import { nodeVerbs } from '../../openapi/model/index.ts'
import { services, type Connection, type ServiceName } from '../driver.ts'
import { callPosition } from '../wrap.ts'

const reading = ['list', 'get']
const direct = [...reading, 'create', 'update', 'destroy']
const slow = [...direct, 'find_created']

/**
 * The methods that a process may have, by service: those of services.ts, except uploads, which are streams. The other
 * services can only be read.
 */
const methods: Readonly<Partial<Record<ServiceName, readonly string[]>>> = {
  nodes: [
    ...slow,
    'check_create',
    ...nodeVerbs,
    'list_nics',
    'attach_nic',
    'detach_nic',
    'add_security_group',
    'remove_security_group',
    'console'
  ],
  images: [...slow, 'import'],
  key_pairs: [...reading, 'create', 'destroy'],
  networks: direct,
  subnets: direct,
  routers: [...direct, 'add_interface', 'remove_interface'],
  security_groups: [...direct, 'create_rule', 'destroy_rule'],
  floating_ips: [...reading, 'create', 'destroy', 'associate', 'disassociate'],
  volumes: [...slow, 'attach', 'detach', 'extend'],
  snapshots: slow,
  quotas: ['list']
}

/** The methods whose names differ in TypeScript. */
const nameOf: Readonly<Record<string, string>> = {
  find_created: 'findCreated',
  check_create: 'checkCreate'
}

const reads = new Set(['list', 'get', 'list_nics', 'console', 'find_created', 'check_create'])

/** The names of the parameters, where they are not `id` and `input`. */
const parameters: Readonly<Record<string, readonly string[]>> = {
  'quotas.list': [],
  list: ['query'],
  get: ['id', 'options'],
  create: ['input'],
  import: ['input'],
  check_create: ['input'],
  destroy: ['id', 'options'],
  detach_nic: ['id', 'nic_id'],
  remove_security_group: ['id', 'security_group_id'],
  destroy_rule: ['id', 'rule_id'],
  console: ['id', 'kind']
}

/** A method of the contract of drivers, and how it crosses to the process. */
export interface Method {
  /** The name in the messages: `nodes.find_created`. */
  name: string
  service: ServiceName
  /** The name in TypeScript: `findCreated`. */
  method: string
  isRead: boolean
  /** The position of the call among the arguments in TypeScript. */
  position: number
  toParams(args: readonly unknown[]): Record<string, unknown>
}

function toMethod (service: ServiceName, wireName: string): Method {
  const name = `${service}.${wireName}`
  const method = nameOf[wireName] ?? wireName
  const position = wireName === 'check_create' ? 1 : callPosition(service, method)
  const names = parameters[name] ?? parameters[wireName] ?? ['id', 'input']
  const byName = (args: readonly unknown[]) => {
    const values = args.filter((_, index) => index !== position)
    return Object.fromEntries(names.map((one, index) => [one, values[index]]))
  }
  const lost = ([create, since]: readonly unknown[]) => {
    const { id, input } = create as { id: string, input: object }
    return { operation: id, input, since: (since as Date).toISOString() }
  }
  return {
    name,
    service,
    method,
    isRead: reads.has(wireName),
    position,
    toParams: wireName === 'find_created' ? lost : byName
  }
}

/** Every method that a process may have, by its name in the messages. */
export const methodsByName: ReadonlyMap<string, Method> = new Map(
  services.flatMap((service) =>
    (methods[service] ?? reading).map((name) => [`${service}.${name}`, toMethod(service, name)] as const)
  )
)

type Service = Record<string, unknown>

/** Replaces the services of a connection. */
export function setServices (connection: Connection, all: ReadonlyMap<ServiceName, Service>) {
  for (const service of services) {
    const found = all.get(service)
    if (found === undefined) delete (connection as unknown as Service)[service]
    else Object.assign(connection, { [service]: found })
  }
}
