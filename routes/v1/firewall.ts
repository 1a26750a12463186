import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type, type Static } from '#typebox'
import {
  ProblemError,
  type SecurityGroup,
  type SecurityGroupRule
} from '../../openapi/model/index.ts'
import type { Finder } from './find.ts'
import { addRoute } from './route.ts'
import { Firewall } from './schemas.ts'

type Opening = Static<typeof Firewall>

const everybody = '0.0.0.0/0'

/** Whether a rule lets exactly these addresses connect to exactly this port. */
const isRuleOf =
  ({ port, protocol = 'tcp', cidr = everybody }: Opening) => (rule: SecurityGroupRule) =>
    rule.direction === 'ingress' && rule.protocol === protocol && rule.port_min === port &&
    rule.port_max === port &&
    (rule.cidr === cidr || (cidr === everybody && rule.remote === 'any'))

/** The rules of security groups that open and close a port of a node. */
export function firewallRoutes (fastify: FastifyInstance, { cloudOf, findNode }: Finder) {
  /** Finds the security group whose rules change. Throws in_use if the node has several and none is named. */
  const findGroup = async (
    request: FastifyRequest,
    { group, ...target }: Opening
  ): Promise<SecurityGroup> => {
    const cloud = cloudOf(request)
    const { id, name, security_group_ids: ids } = await findNode(request, target)
    const groups = ids ?? []
    if (group !== undefined && !groups.includes(group)) {
      throw new ProblemError(
        'resource_not_found',
        `The node ${name ?? id} has no security group "${group}"`
      )
    }
    if (group === undefined && groups.length !== 1) {
      const detail = `The node ${name ?? id} has ${groups.length} security groups: ${
        groups.join(', ')
      }`
      throw new ProblemError('in_use', detail, {
        hint: 'Send the id of one of them as `group`.'
      })
    }
    const chosen = group ?? groups[0]!
    cloud.require('security_groups.get')
    return cloud.call((connection, call) =>
      connection.security_groups!.get(chosen, { extra: false }, call)
    )
  }

  const textOf = (
    { port, protocol = 'tcp', cidr = everybody }: Opening,
    { name, id }: SecurityGroup
  ) => `Port ${port}/${protocol} for ${cidr} in the security group ${name ?? id}`

  const common = {
    method: 'PUT',
    level: 'manage',
    description:
      'The rule is one of the security group, so it applies to every node that has the group.',
    tag: 'Firewall',
    body: Firewall,
    fields: { result: Type.String() }
  } as const

  addRoute(fastify, {
    ...common,
    path: '/fw/open',
    action: 'security_groups.create_rule',
    operationId: 'v1OpenPort',
    summary: 'Open a port of a node',
    async run (request, body) {
      const group = await findGroup(request, body)
      const { port, protocol = 'tcp', cidr = everybody } = body
      const rule = { direction: 'ingress', protocol, port_min: port, port_max: port, cidr } as const
      if (!group.rules.some(isRuleOf(body))) {
        await fastify.actions.callDirect(
          cloudOf(request),
          'security_groups.create_rule',
          rule,
          (connection, call) => connection.security_groups!.create_rule!(group.id, rule, call)
        )
      }
      return { result: `${textOf(body, group)} opened` }
    }
  })

  addRoute(fastify, {
    ...common,
    path: '/fw/close',
    action: 'security_groups.destroy_rule',
    operationId: 'v1ClosePort',
    summary: 'Close a port of a node that fw/open has opened',
    async run (request, body) {
      const group = await findGroup(request, body)
      const rules = group.rules.filter(isRuleOf(body))
      if (rules.length === 0) {
        throw new ProblemError('resource_not_found', `${textOf(body, group)} is not open`)
      }
      for (const { id } of rules) {
        await fastify.actions.callDirect(
          cloudOf(request),
          'security_groups.destroy_rule',
          {},
          (connection, call) => connection.security_groups!.destroy_rule!(group.id, id, call)
        )
      }
      return { result: `${textOf(body, group)} closed` }
    }
  })
}
