import { randomUUID } from 'node:crypto'
import { startFaultProxy, type FaultHandle, type FaultMatch, type FaultProxy } from '../fault-proxy.ts'
import { createEc2Manners, refusal, type Ec2Manners, type Ec2MannersOptions } from './behaviour.ts'

export interface Ec2Proxy extends FaultProxy, Pick<Ec2Manners, 'limit' | 'slow'> {
  /** the address of the proxy */
  url: string
  /** Refuses calls of an action with a code of Amazon's, in its XML. */
  refuse (action: string, code: string, match?: Pick<FaultMatch, 'times' | 'skip'>): FaultHandle & { requestId: string }
  /** the actions that were asked for, oldest first */
  actions (): string[]
}

/** Matches the calls of one action, which Amazon has in the body of the request. */
export const isAction = (action: string): Pick<FaultMatch, 'content'> => ({
  content: new RegExp(`(^|&)Action=${action}(&|$)`)
})

/** A fault proxy with Amazon's manners before an EC2. The Host is the client's, over which it has signed. */
export async function startEc2Proxy (target: string, options: Ec2MannersOptions = {}): Promise<Ec2Proxy> {
  const { manners, limit, slow } = createEc2Manners(options)
  const proxy = await startFaultProxy({ targets: { ec2: target }, keepHost: true, manners })
  return {
    ...proxy,
    url: proxy.urls['ec2']!,
    limit,
    slow,
    refuse (action, code, match = {}) {
      const requestId = randomUUID()
      return Object.assign(proxy.addRule({ ...isAction(action), ...match, ...refusal(code, undefined, requestId) }), {
        requestId
      })
    },
    actions: () => proxy.requests.map(({ content }) => new URLSearchParams(content).get('Action') ?? '')
  }
}
