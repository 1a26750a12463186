import { Type } from '#typebox'
import type { FastifyInstance } from 'fastify'
import { fieldError, rejectFields } from '../../drivers/common/invalid.ts'
import {
  created,
  createdFilters,
  createHeaders,
  noContent,
  SecurityGroup,
  SecurityGroupCreate,
  SecurityGroupPage,
  SecurityGroupRule,
  SecurityGroupRuleCreate,
  SecurityGroupUpdate,
  type FieldError
} from '../../openapi/model/index.ts'
import { directRoutes } from '../changes.ts'
import { collectionRoutes, idParams, type IdParams } from '../collection.ts'

const tag = 'Security groups'
const groups = {
  service: 'security_groups',
  name: 'SecurityGroup',
  tag,
  singular: 'security group',
  model: SecurityGroup
} as const
const ruleParams = Type.Object({
  ...idParams.properties,
  rule: Type.String({ description: 'Id of the rule.' })
})

/** Checks the rules between two fields that a schema cannot express. Throws validation_failed. */
function checkRule (rule: SecurityGroupRuleCreate) {
  const {
    port_min: first,
    port_max: last,
    cidr,
    remote_group_id: group,
    protocol,
    icmp_type: icmpType
  } = rule
  const errors: FieldError[] = []
  const add = (field: string, message: string) => errors.push(fieldError(`/${field}`, message))
  if (first === undefined && last !== undefined) add('port_min', 'is required with port_max')
  if (first !== undefined && last !== undefined && first > last) {
    add('port_max', `must not be less than port_min, which is ${first}`)
  }
  if (cidr !== undefined && group !== undefined) {
    add('remote_group_id', 'must not be used with cidr')
  }
  if (icmpType !== undefined && protocol?.startsWith('icmp') !== true) {
    add('icmp_type', 'requires the protocol icmp or icmpv6')
  }
  if (first !== undefined && (protocol ?? null) === null) add('protocol', 'is required with ports')
  if (/^\d+$/.test(protocol ?? '') && Number(protocol) > 255) {
    add('protocol', 'must be a name, or a number from 0 to 255')
  }
  rejectFields(errors)
}

export default async function routes (fastify: FastifyInstance) {
  const { actions } = fastify

  await fastify.register(collectionRoutes({
    ...groups,
    plural: 'security groups',
    page: SecurityGroupPage,
    filters: createdFilters
  }))
  directRoutes(fastify, { ...groups, create: SecurityGroupCreate, update: SecurityGroupUpdate })

  fastify.post<{ Params: IdParams, Body: SecurityGroupRuleCreate }>(
    '/clouds/:cloud/security-groups/:id/rules',
    {
      config: { level: 'manage', action: 'security_groups.create_rule' },
      schema: {
        operationId: 'createSecurityGroupRule',
        summary: 'Add a rule to a security group',
        tags: [tag],
        params: idParams,
        headers: createHeaders,
        body: SecurityGroupRuleCreate,
        response: created(SecurityGroupRule, 'The rule.')
      }
    },
    async (request, reply) =>
      fastify.idempotent(request, reply, async () => {
        const { cloud, params: { id }, body } = request
        checkRule(body)
        const rule = await actions.callDirect(
          cloud,
          'security_groups.create_rule',
          body,
          (connection, call) => connection.security_groups!.create_rule!(id, body, call)
        )
        return { status: 201, headers: {}, body: rule }
      }, { direct: true })
  )

  fastify.delete<{ Params: IdParams & { rule: string } }>(
    '/clouds/:cloud/security-groups/:id/rules/:rule',
    {
      config: { level: 'manage', action: 'security_groups.destroy_rule' },
      schema: {
        operationId: 'deleteSecurityGroupRule',
        summary: 'Remove a rule from a security group',
        tags: [tag],
        params: ruleParams,
        response: noContent('The rule was removed.')
      }
    },
    async ({ cloud, params: { id, rule } }, reply) => {
      await actions.callDirect(cloud, 'security_groups.destroy_rule', {}, (connection, call) =>
        connection.security_groups!.destroy_rule!(id, rule, call))
      return reply.code(204).send()
    }
  )
}
