import { execFile } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type LabUserName = 'demo' | 'tight' | 'admin'

export interface LabUser {
  username: string
  password: string
  project_name: string
}

/** An error response of the lab. */
export interface LabError extends Error {
  status: number
  body: any
}

export interface OpenstackLab {
  authUrl: string
  region: string
  users: Record<LabUserName, LabUser>
  /**
   * Runs OpenStack's own command line client. Resolves with its JSON, or with its text if it prints no JSON. A call
   * takes about a second and a half of processor time.
   */
  openstack(user: LabUserName, args: string[]): Promise<any>
  /**
   * One request to a service, chosen by its type in the catalog, with a token that is independent of any driver.
   * Resolves with the parsed body; rejects with a `LabError` for anything but success.
   */
  api(
    user: LabUserName,
    service: string,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>
  ): Promise<any>
  /** The same for Nova; `path` begins after the version, as in `/servers`. */
  nova(user: LabUserName, method: string, path: string, body?: unknown, microversion?: string): Promise<any>
  /** Deletes all servers whose names begin with the prefix, and resolves when they are gone. */
  purge(user: LabUserName, namePrefix: string): Promise<void>
}

interface Token {
  id: string
  catalog: Array<{ type: string, endpoints: Array<{ interface: string, region_id: string, url: string }> }>
}

/** The lab that runs on this machine (of `LAB_DIR`, if set). Fails, and says how to start it, if it does not answer. */
export async function openstackLab (): Promise<OpenstackLab> {
  const [demo, tight, admin] = await Promise.all([labEnv('demo'), labEnv('tight'), labEnv('admin')])
  const envs = { demo, tight, admin }
  const authUrl = demo.OS_AUTH_URL ?? ''
  const region = demo.OS_REGION_NAME ?? ''
  const tokens = new Map<LabUserName, Promise<Token>>()
  await assertUp(authUrl)

  async function openstack (user: LabUserName, args: string[]) {
    const { stdout } = await run('/usr/bin/openstack', withFormat(args), {
      env: {
        ...envs[user],
        PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
        HOME: process.env.HOME ?? '/',
        LC_ALL: 'C.UTF-8',
        no_proxy: '*',
        PYTHONWARNINGS: 'ignore'
      },
      maxBuffer: 64 * 1024 * 1024,
      timeout: 120_000
    })
    return parsed(stdout)
  }

  function tokenOf (user: LabUserName): Promise<Token> {
    const known = tokens.get(user)
    if (known) return known
    const token = authenticate(authUrl, envs[user])
    token.catch(() => { tokens.delete(user) })
    tokens.set(user, token)
    return token
  }

  async function api (
    user: LabUserName,
    service: string,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {}
  ): Promise<any> {
    const token = await tokenOf(user)
    const base = endpointOf(token, service, region)
    const attempt = (id: string) => call(base + path, method, body, { ...headers, 'x-auth-token': id })
    try {
      return await attempt(token.id)
    } catch (error) {
      // A token may end, or a test may revoke it.
      if ((error as LabError).status !== 401) throw error
      tokens.delete(user)
      return await attempt((await tokenOf(user)).id)
    }
  }

  function nova (user: LabUserName, method: string, path: string, body?: unknown, microversion?: string) {
    return api(
      user,
      'compute',
      method,
      path,
      body,
      microversion ? { 'OpenStack-API-Version': `compute ${microversion}` } : {}
    )
  }

  async function purge (user: LabUserName, namePrefix: string) {
    if (!namePrefix) throw new Error('purge needs a prefix: without one it would delete every server')
    // Nova removes one server after the other, so the time counts from the last one that went.
    let [left, deadline] = [Infinity, 0]
    for (;;) {
      const servers = await namedServers(user, namePrefix)
      if (servers.length === 0) return
      if (servers.length < left) [left, deadline] = [servers.length, Date.now() + 180_000]
      if (Date.now() > deadline) throw new Error(`still there: ${servers.map(({ name }) => name).join(', ')}`)
      const standing = servers.filter(server => server['OS-EXT-STS:task_state'] !== 'deleting')
      await Promise.all(standing.map(({ id }) => nova(user, 'DELETE', `/servers/${id}`).catch(ignoreStatus(404, 409))))
      await sleep(200)
    }
  }

  async function namedServers (user: LabUserName, prefix: string): Promise<Array<Record<string, string>>> {
    // Nova takes the name for a regular expression, so all are asked for and chosen here; one page holds all a quota
    // allows.
    const { servers } = await nova(user, 'GET', '/servers/detail')
    return servers.filter(({ name }: { name: string }) => name.startsWith(prefix))
  }

  return {
    authUrl,
    region,
    users: { demo: userOf(demo), tight: userOf(tight), admin: userOf(admin) },
    openstack,
    api,
    nova,
    purge
  }
}

/** The lab's script; this file may run from its source or as compiled. */
function labScript (): string {
  const path = 'test/labs/openstack/openstack-lab'
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, path))) return join(folder, path)
  }
  throw new Error(`${path} is nowhere above ${import.meta.dirname}`)
}

async function labEnv (user: LabUserName): Promise<Record<string, string>> {
  const { stdout } = await run('bash', [labScript(), 'env', user])
  return Object.fromEntries([...stdout.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]))
}

async function assertUp (authUrl: string) {
  try {
    const response = await fetch(authUrl, { signal: AbortSignal.timeout(10_000) })
    await success(response, `GET ${authUrl}`)
  } catch (cause) {
    throw new Error(
      `the OpenStack lab does not answer at ${authUrl}; start it with: bash test/labs/openstack/openstack-lab up`,
      { cause }
    )
  }
}

function userOf (env: Record<string, string>): LabUser {
  return { username: env.OS_USERNAME ?? '', password: env.OS_PASSWORD ?? '', project_name: env.OS_PROJECT_NAME ?? '' }
}

async function authenticate (authUrl: string, env: Record<string, string>): Promise<Token> {
  const domain = { id: 'default' }
  const response = await fetch(`${authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: env.OS_USERNAME, password: env.OS_PASSWORD, domain } }
        },
        scope: { project: { name: env.OS_PROJECT_NAME, domain } }
      }
    })
  })
  const body = await success(response, 'POST /auth/tokens')
  return { id: response.headers.get('x-subject-token') ?? '', catalog: body.token.catalog }
}

function endpointOf ({ catalog }: Token, service: string, region: string): string {
  const endpoints = catalog.find(({ type }) => type === service)?.endpoints ?? []
  const endpoint = endpoints.find(({ interface: face, region_id: id }) => face === 'public' && id === region)
  if (!endpoint) throw new Error(`the lab's catalog has no ${service} in ${region}`)
  return endpoint.url.replace(/\/$/, '')
}

async function call (url: string, method: string, body: unknown, headers: Record<string, string>) {
  const content =
    body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } }
  const response = await fetch(url, { method, headers, ...content, signal: AbortSignal.timeout(60_000) })
  return await success(response, `${method} ${url}`)
}

async function success (response: Response, what: string): Promise<any> {
  const body = parsed(await response.text())
  if (response.ok) return body
  throw Object.assign(new Error(`${what}: ${response.status} ${JSON.stringify(body)}`), {
    status: response.status,
    body
  })
}

function ignoreStatus (...statuses: number[]) {
  return (error: LabError) => {
    if (!statuses.includes(error.status)) throw error
  }
}

/** Requests JSON from the commands that print a resource. */
function withFormat (args: string[]): string[] {
  const options = args.findIndex(arg => arg.startsWith('-'))
  const words = options < 0 ? args : args.slice(0, options)
  const shows = words.some(word => ['list', 'show', 'create', 'issue'].includes(word)) && words[0] !== 'console'
  return shows && !args.includes('-f') ? [...args, '-f', 'json'] : args
}

function parsed (text: string): any {
  if (!text.trim()) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const labFolder = () => process.env.LAB_DIR ?? join(process.env.TMPDIR ?? '/tmp', 'openstack-lab')

/** Keeps servers whose names begin with `building-` in BUILD. Returns a function that lets them go on. */
export function holdBuilds () {
  const file = join(labFolder(), 'run', 'hold-builds')
  writeFileSync(file, '')
  return () => rmSync(file, { force: true })
}

/**
 * Holds a service of the lab still while `run` runs, so that what it is at work on can be looked at: the lab's own
 * process is stopped by a signal and goes on afterwards.
 */
export async function frozen<T> (service: string, run: () => Promise<T>): Promise<T> {
  const pid = Number(readFileSync(join(labFolder(), 'run', `${service}.pid`), 'utf8').split(' ')[0])
  process.kill(pid, 'SIGSTOP')
  try {
    return await run()
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}
