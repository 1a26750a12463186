import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dispatch, Fault, type Asked, type Routes } from './answer.ts'
import { createBehaviour, type Answer, type Behaviour, type Rule } from './behaviour.ts'
import { computeRoutes } from './compute.ts'
import { createIdentity, type AccountOptions } from './identity.ts'
import { createState, type State } from './state.ts'
import { volumeRoutes } from './volumes.ts'

export interface RackspaceOptions {
  behaviour?: Partial<Behaviour>
  account?: Partial<AccountOptions>
}

/** A request, with the status of its response. */
export interface Request extends Pick<Asked, 'method' | 'path' | 'query' | 'headers' | 'body'> {
  service: string
  status: number
}

const versionHeaders = ['openstack-api-version', 'x-openstack-nova-api-version']

/**
 * A Rackspace of one account: Identity v2.0, and in each region Cloud Servers and Cloud Block Storage, from the shapes
 * of its guides. `url` is that of Identity. Tests look into `state` of a region, set `behaviour`, and end with `close`.
 */
export async function startRackspace (options: RackspaceOptions = {}) {
  const account: AccountOptions = {
    username: 'demoauthor',
    apiKey: 'a00ac0ffee00',
    password: 'theUsersPassword',
    tenant: '123456',
    regions: ['DFW', 'IAD', 'ORD'],
    volumes: true,
    ...options.account
  }
  const behaviour = createBehaviour(options.behaviour)
  const regions = new Map(account.regions.map((region) => {
    const state = createState(behaviour)
    return [region.toLowerCase(), { state, servers: computeRoutes(state), blockstorage: volumeRoutes(state) }] as const
  }))
  const requests: Request[] = []
  let base = ''
  const identity = createIdentity(account, behaviour, () => base)

  /** Finds the service and the rest of the path of a URL; undefined if no service has it. */
  const locate = (
    pathname: string
  ): { service: string, endpoint: string, path: string, routes: Routes, state?: State } | undefined => {
    if (pathname.startsWith('/v2.0/')) {
      return {
        service: 'identity',
        endpoint: `${base}/v2.0`,
        path: pathname.slice(5),
        routes: { 'POST /tokens': (asked) => identity.enter(asked) }
      }
    }
    const [, root = '', region = '', service = '', version = '', tenant = '', path = ''] =
      /^(\/([a-z]+)\/([a-z]+)\/(v[12])\/([^/]+))(\/.*)?$/.exec(pathname) ?? []
    const place = regions.get(region)
    if (place === undefined || tenant !== account.tenant) return undefined
    if (service === 'servers' && version === 'v2') {
      return { service, endpoint: base + root, path, routes: place.servers, state: place.state }
    }
    return service === 'blockstorage' && version === 'v1' && account.volumes
      ? { service, endpoint: base + root, path, routes: place.blockstorage, state: place.state }
      : undefined
  }

  const answer = (service: string, routes: Routes, state: State | undefined, asked: Asked): Answer => {
    try {
      if (versionHeaders.some((header) => asked.headers[header] !== undefined)) {
        throw new Fault(400, 'There are no versions here')
      }
      if (service !== 'identity' && !identity.isValid(asked.headers['x-auth-token'])) {
        throw new Fault(401, 'Invalid authentication token. Please renew')
      }
      state?.settle()
      const said = dispatch(routes, asked)
      return behaviour.nonAuthoritative && said.status === 200 ? { ...said, status: 203 } : said
    } catch (error) {
      if (error instanceof Fault) return error.answer
      throw error
    }
  }

  const ruleFor = (asked: Asked): Rule | undefined => {
    const rule = behaviour.rules.find(({ match, times = 1 }) => {
      const [method, end = ''] = match.split(' ')
      return times > 0 && asked.method === method && asked.path.endsWith(end)
    })
    if (rule?.times !== undefined) rule.times--
    return rule
  }

  const http = createServer(async (request, response) => {
    const { pathname, searchParams: query } = new URL(request.url!, base)
    const there = locate(pathname) ?? { service: 'none', endpoint: base, path: pathname, routes: {} }
    const { method, headers } = request as { method: string, headers: Asked['headers'] }
    const { path, endpoint } = there
    const asked: Asked = { method, path, query, headers, body: await bodyOf(request), endpoint }
    const rule = ruleFor(asked)
    rule?.before?.()
    const said = rule?.answer ?? answer(there.service, there.routes, there.state, asked)
    requests.push({ service: there.service, method, path, query, headers, body: asked.body, status: said.status })
    if (rule?.lose === true) return request.socket.destroy()
    response.writeHead(said.status, {
      'x-compute-request-id': `req-${requests.length}`,
      'content-type': 'application/json',
      ...said.headers
    })
    response.end(typeof said.body === 'string' ? said.body : said.body === undefined ? '' : JSON.stringify(said.body))
  })
  await new Promise<void>((resolve) => { http.listen(0, '127.0.0.1', resolve) })
  base = `http://127.0.0.1:${(http.address() as AddressInfo).port}`

  return {
    ...account,
    url: `${base}/v2.0`,
    behaviour,
    /** All requests so far. */
    requests,
    /** Requests as `POST /tokens`, by the end of their path. */
    asked: (match: string) => requests.filter(({ method, path }) => `${method} ${path}` === match),
    /** The resources of a region. */
    state: (region = account.regions[0]!) => regions.get(region.toLowerCase())!.state,
    /** Ends all tokens at once. */
    revokeTokens: () => { identity.revoke() },
    issueToken: () => identity.issue(),
    async close () {
      http.closeAllConnections()
      await new Promise((resolve) => { http.close(resolve) })
    }
  }
}

export type Rackspace = Awaited<ReturnType<typeof startRackspace>>

async function bodyOf (request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const part of request) text += String(part)
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}
