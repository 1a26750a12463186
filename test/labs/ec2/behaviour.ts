import { randomUUID } from 'node:crypto'
import type { Manners, Passed, Passing } from '../fault-proxy.ts'

/** An account of the cloud, by the access key that calls are signed with. */
export interface Account {
  /** its number, of twelve digits; calls with keys that are in no account are passed on as they are */
  id: string
  /** how many nodes it may have; one more is refused with InstanceLimitExceeded */
  nodes?: number
}

/** How often a read shows an instance on its way, after the change that has put it there. */
export type Slowness = Partial<Record<'pending' | 'stopping' | 'shutting-down', number>>

export interface Ec2MannersOptions {
  accounts?: Readonly<Record<string, Account>>
  /** types without capacity */
  exhausted?: readonly string[]
}

export interface Ec2Manners {
  manners: Manners
  /** Lets each account send so many requests a second, and refuses the rest; null is no limit. */
  limit (perSecond: number | null): void
  slow (reads: Slowness): void
}

/** The status of each code. Default: 400. */
const statuses: Readonly<Record<string, number>> = {
  AuthFailure: 401,
  OptInRequired: 401,
  UnauthorizedOperation: 403,
  Blocked: 403,
  RequestLimitExceeded: 503,
  Unavailable: 503,
  ServiceUnavailable: 503,
  InsufficientInstanceCapacity: 500,
  InternalError: 500
}

const escape = (text: string) => text.replace(/[&<>]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign]!)

/** An answer that refuses a call, as Amazon writes it. */
export function refusal (
  code: string,
  message = `The request was refused with ${code}`,
  requestId: string = randomUUID()
) {
  const told = `<Errors><Error><Code>${escape(code)}</Code><Message>${escape(message)}</Message></Error></Errors>`
  return {
    status: statuses[code] ?? 400,
    headers: { 'content-type': 'text/xml;charset=UTF-8' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<Response>${told}<RequestID>${requestId}</RequestID></Response>`
  }
}

/** The state of a resource during its change. */
const passing: Readonly<Record<string, { name: keyof Slowness, code: number }>> = {
  RunInstances: { name: 'pending', code: 0 },
  StartInstances: { name: 'pending', code: 0 },
  StopInstances: { name: 'stopping', code: 64 },
  TerminateInstances: { name: 'shutting-down', code: 32 }
}

/**
 * Manners of Amazon that moto has not: it refuses calls above a limit, has accounts with quotas and types that are sold
 * out, shows instances on their way from state to state, and makes one thing of two requests with one ClientToken. It
 * sends requests of its own and changed ones, whose signature moto does not check unless it is told to.
 */
export function createEc2Manners ({ accounts = {}, exhausted = [] }: Ec2MannersOptions = {}): Ec2Manners {
  let most: number | null = null
  let slowness: Slowness = {}
  const buckets = new Map<string, { left: number, at: number }>()
  const tokens = new Map<string, { content: string, answer: Promise<Passed> }>()
  /** Instance → what the next reads show. */
  const onTheirWay = new Map<string, { name: string, code: number, left: number }>()

  /** A bucket of tokens for each account, as Amazon has it. */
  const isTooMany = (account: string) => {
    if (most === null) return false
    const now = performance.now()
    const bucket = buckets.get(account) ?? { left: most, at: now }
    buckets.set(account, bucket)
    bucket.left = Math.min(most, bucket.left + (now - bucket.at) * most / 1000)
    bucket.at = now
    if (bucket.left < 1) return true
    bucket.left--
    return false
  }

  const isOverQuota = async (request: Passing, asked: URLSearchParams, pass: Ask, nodes: number) => {
    const all = new URLSearchParams({
      Action: 'DescribeInstances',
      Version: '2016-11-15',
      'Filter.1.Name': 'instance-state-name',
      ...Object.fromEntries(
        ['pending', 'running', 'stopping', 'stopped'].map((state, i) => [`Filter.1.Value.${i + 1}`, state])
      )
    })
    const { body } = await pass({ ...request, content: String(all) })
    return instancesOf(body).length + Number(asked.get('MaxCount') ?? 1) > nodes
  }

  /** moto accepts any type; Amazon only existing ones. */
  const isType = async (request: Passing, type: string, pass: Ask) => {
    const asked = new URLSearchParams({
      Action: 'DescribeInstanceTypes',
      Version: '2016-11-15',
      'InstanceType.1': type
    })
    return (await pass({ ...request, content: String(asked) })).status < 300
  }

  /** Amazon finds instances by the token of their creation; moto does not. */
  const withoutTokenFilter = (request: Passing, asked: URLSearchParams, key: string): Promise<Passing> | Passing => {
    const filter = [...asked]
      .find(([name, value]) => /^Filter\.\d+\.Name$/.test(name) && value === 'client-token')?.[0]
      .slice(0, -'.Name'.length)
    if (filter === undefined) return request
    const made = tokens.get(`${key} RunInstances ${asked.get(`${filter}.Value.1`)}`)
    const known = made?.answer.then(({ body }) => instancesOf(body), () => []) ?? Promise.resolve([])
    return known.then((ids) => {
      for (const name of [...asked.keys()]) if (name.startsWith(`${filter}.`)) asked.delete(name)
      asked.set(`${filter}.Name`, 'instance-id')
      for (const [i, id] of (ids.length === 0 ? ['i-00000000000000000'] : ids).entries()) {
        asked.set(`${filter}.Value.${i + 1}`, id)
      }
      return { ...request, content: String(asked) }
    })
  }

  const show = (body: string) => {
    let shown = body
    for (const id of instancesOf(body)) {
      const state = onTheirWay.get(id)
      if (state === undefined) continue
      if (--state.left <= 0) onTheirWay.delete(id)
      const own = new RegExp(`(<instanceId>${id}</instanceId>.*?<instanceState>).*?(</instanceState>)`, 's')
      shown = shown.replace(own, `$1<code>${state.code}</code><name>${state.name}</name>$2`)
    }
    return shown
  }

  const noteChange = (action: string, { status, body }: Passed) => {
    const state = passing[action]
    if (state === undefined || status >= 300) return
    const left = slowness[state.name] ?? 0
    for (const id of instancesOf(body)) {
      if (left > 0) onTheirWay.set(id, { ...state, left })
      else onTheirWay.delete(id)
    }
  }

  const answer = async (request: Passing, asked: URLSearchParams, pass: Ask): Promise<Passed> => {
    const action = asked.get('Action') ?? ''
    const { account } = callerOf(request)
    if (action === 'RunInstances') {
      const type = asked.get('InstanceType') ?? ''
      if (exhausted.includes(type)) {
        return refusal('InsufficientInstanceCapacity', `We currently do not have sufficient ${type} capacity`)
      }
      const nodes = accounts[account]?.nodes
      if (nodes !== undefined && await isOverQuota(request, asked, pass, nodes)) {
        return refusal(
          'InstanceLimitExceeded',
          'You have requested more instances than your current instance limit allows'
        )
      }
    }
    const resized = asked.get('InstanceType.Value')
    if (action === 'ModifyInstanceAttribute' && resized !== null && !await isType(request, resized, pass)) {
      return refusal('InvalidInstanceAttributeValue', `Invalid value '${resized}' for InstanceType.`)
    }
    const answered = await pass(
      action === 'DescribeInstances' ? await withoutTokenFilter(request, asked, keyOf(request)) : request
    )
    noteChange(action, answered)
    if (action === 'DescribeInstances') return { ...answered, body: show(answered.body) }
    return action === 'DescribeAccountAttributes'
      ? { ...answered, body: tellQuota(answered.body, accounts[account]) }
      : answered
  }

  /** The second request with a token gets the answer of the first; a first that was refused leaves nothing behind. */
  const once = async (request: Passing, asked: URLSearchParams, token: string, pass: Ask): Promise<Passed> => {
    const key = `${keyOf(request)} ${asked.get('Action')} ${token}`
    const before = tokens.get(key)
    if (before !== undefined) {
      return before.content === request.content
        ? before.answer
        : refusal(
          'IdempotentParameterMismatch',
          'The request uses the same client token as a previous, but non-identical request'
        )
    }
    const made = answer(request, asked, pass)
    tokens.set(key, { content: request.content, answer: made })
    const { status } = await made.catch(() => ({ status: 0 }))
    if (status < 200 || status >= 300) tokens.delete(key)
    return made
  }

  return {
    async manners (request, pass) {
      const { service, account } = callerOf(request)
      if (service !== 'ec2') return pass(request)
      if (isTooMany(account)) return refusal('RequestLimitExceeded', 'Request limit exceeded.')
      const asked = new URLSearchParams(request.content)
      const own = accounts[account]
      const sent =
        own === undefined ? request : { ...request, headers: { ...request.headers, 'x-moto-account-id': own.id } }
      const token = asked.get('ClientToken')
      return token === null ? answer(sent, asked, pass) : once(sent, asked, token, pass)
    },
    limit (perSecond) {
      most = perSecond
      buckets.clear()
    },
    slow (reads) { slowness = reads }
  }
}

type Ask = (request: Passing) => Promise<Passed>

/**
 * Reads the access key and the region from the credential in the header:
 * `Credential=AKIA…/20260131/us-east-1/ec2/aws4_request`.
 */
function callerOf ({ headers }: Passing) {
  const [account = '', , region = '', service = 'ec2'] =
    /Credential=([^,\s]+)/.exec(headers.authorization ?? '')?.[1]?.split('/') ?? []
  return { account, region, service }
}

const keyOf = (request: Passing) => {
  const { account, region } = callerOf(request)
  return `${account} ${region}`
}

const tellQuota = (body: string, { nodes }: Partial<Account> = {}) =>
  nodes === undefined ? body : body.replace(/(<attributeName>max-instances<.*?<attributeValue>)\d+/s, `$1${nodes}`)

/** The instances in an answer; where it is of volumes, those they are attached to. */
const instancesOf = (body: string) => [
  ...new Set([...body.matchAll(/<instanceId>(i-[0-9a-f]+)<\/instanceId>/g)].map(([, id]) => id!))
]
