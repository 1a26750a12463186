import { Type } from 'typebox'
import type { FastifyInstance } from 'fastify'
import {
  created, createHeaders, gone, ProblemError, SecurityGroup, SecurityGroupCreate, SecurityGroupPage, SecurityGroupRule,
  SecurityGroupRuleCreate, SecurityGroupUpdate
} from '../../openapi/model/index.ts'
import { changer } from '../../plugins/clouds/index.ts'
import { directRoutes } from '../changes.ts'
import { collectionRoutes, idParams } from '../collection.ts'

const tag = 'Security groups'
const groups = { service: 'security_groups' as const, name: 'SecurityGroup', tag, singular: 'security group', model: SecurityGroup }
const ruleParams = Type.Object({ ...idParams.properties, rule: Type.String({ description: 'Id of the rule.' }) })

/** What a schema cannot say of two fields. Throws validation_failed. */
function checkRule ({ port_min: first, port_max: last, cidr, remote_group_id: group, protocol, icmp_type: type }: SecurityGroupRuleCreate) {
  const errors: { in: 'body', pointer: string, message: string }[] = []
  const add = (field: string, message: string) => errors.push({ in: 'body', pointer: `/${field}`, message })
  if (first === undefined && last !== undefined) add('port_min', 'is needed beside port_max')
  if (first !== undefined && last !== undefined && first > last) add('port_max', `must not be less than port_min, which is ${first}`)
  if (cidr !== undefined && group !== undefined) add('remote_group_id', 'must not stand beside cidr')
  if (type !== undefined && protocol?.startsWith('icmp') !== true) add('icmp_type', 'needs the protocol icmp or icmpv6')
  if (first !== undefined && (protocol ?? null) === null) add('protocol', 'is needed beside ports')
  if (/^\d+$/.test(protocol ?? '') && Number(protocol) > 255) add('protocol', 'must be a name, or a number from 0 to 255')
  if (errors.length > 0) throw new ProblemError('validation_failed', 'The rule is not valid', { errors })
}

export default async function routes (fastify: FastifyInstance) {
  const { resources } = fastify

  await fastify.register(collectionRoutes({ ...groups, plural: 'security groups', page: SecurityGroupPage, filters: {} }))
  directRoutes(fastify, { ...groups, create: SecurityGroupCreate, update: SecurityGroupUpdate })

  fastify.post<{ Params: { cloud: string, id: string }, Body: SecurityGroupRuleCreate }>('/clouds/:cloud/security-groups/:id/rules', {
    schema: {
      operationId: 'createSecurityGroupRule',
      summary: 'Add a rule to a security group',
      tags: [tag],
      params: idParams,
      headers: createHeaders,
      body: SecurityGroupRuleCreate,
      response: created(SecurityGroupRule, 'The rule.')
    }
  }, async (request, reply) => fastify.once(request, reply, async () => {
    const { params: { cloud, id }, body } = request
    checkRule(body)
    const rule = await resources.now(cloud, 'security_groups.create_rule', body, changer(request), ({ security_groups: service }, call) =>
      service!.create_rule!(id, body, call))
    return { status: 201, headers: {}, body: rule }
  }, { direct: true }))

  fastify.delete<{ Params: { cloud: string, id: string, rule: string } }>('/clouds/:cloud/security-groups/:id/rules/:rule', {
    schema: {
      operationId: 'deleteSecurityGroupRule', summary: 'Remove a rule from a security group', tags: [tag], params: ruleParams, response: gone()
    }
  }, async (request, reply) => {
    const { cloud, id, rule } = request.params
    await resources.now(cloud, 'security_groups.destroy_rule', {}, changer(request), ({ security_groups: service }, call) =>
      service!.destroy_rule!(id, rule, call))
    return reply.code(204).send()
  })
}
