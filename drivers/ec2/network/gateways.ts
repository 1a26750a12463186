import type { InternetGateway, RouteTable } from '@aws-sdk/client-ec2'
import type { Call } from '../../call.ts'
import { operationKey } from '../../tags.ts'
import type { Cloud } from '../client/cloud.ts'
import { readAll } from '../client/collection.ts'
import { malformed } from '../client/errors.ts'
import { isMissing } from '../client/consistency.ts'
import { tagSpecifications } from '../client/tags.ts'
import { labelMade, orUndo } from '../client/rollback.ts'

export const anywhere = '0.0.0.0/0'

/** The routes by which a route table leads to an internet gateway. */
export const waysOut = ({ Routes: routes = [] }: RouteTable) => routes.filter(({ GatewayId: gateway }) => gateway?.startsWith('igw-') === true)

/** Whether a route table leads outside: one whose gateway is gone does not. */
export const leadsOut = (table: RouteTable) => waysOut(table).some(({ State: state }) => state !== 'blackhole')

/**
 * The internet gateways of VPCs, of which each has one at most. One that is made here has the mark of its operation, and
 * goes when no route table leads to it; those of others stay.
 */
export function createGateways (cloud: Cloud) {
  const { client } = cloud

  const gatewaysAt = async (filter: string, id: string, call: Call): Promise<InternetGateway[]> => {
    const asked = { Filters: [{ Name: filter, Values: [id] }] }
    return (await client.read((sdk) => new sdk.DescribeInternetGatewaysCommand(asked), call)).InternetGateways ?? []
  }
  const gatewayOf = async (vpc: string, call: Call) => (await gatewaysAt('attachment.vpc-id', vpc, call))[0]?.InternetGatewayId

  const remove = (id: string, call: Call) =>
    client.change((sdk) => new sdk.DeleteInternetGatewayCommand({ InternetGatewayId: id }), call, { token: true })
  const attach = (id: string, vpc: string, call: Call) =>
    client.change((sdk) => new sdk.AttachInternetGatewayCommand({ InternetGatewayId: id, VpcId: vpc }), call)
  const detach = (id: string, vpc: string, call: Call) =>
    client.change((sdk) => new sdk.DetachInternetGatewayCommand({ InternetGatewayId: id, VpcId: vpc }), call, { token: true })

  const make = async (vpc: string, call: Call) => {
    const labels = { operation: call.operation ?? call.requestId }
    const asked = tagSpecifications(cloud, ['internet-gateway'], labels)
    const { InternetGateway: made } = await client.change((sdk) => new sdk.CreateInternetGatewayCommand(asked), call)
    const id = made?.InternetGatewayId
    if (id === undefined) throw malformed('The cloud answered without an internet gateway', false)
    await labelMade(cloud, id, labels, call, (own) => remove(id, own))
    await orUndo(call, `the internet gateway ${id} is there`, () => attach(id, vpc, call), (own) => remove(id, own))
    return id
  }

  /** The VPC's own, or a new one. */
  const open = async (vpc: string, call: Call): Promise<{ id: string, made: boolean }> => {
    const there = await gatewayOf(vpc, call)
    if (there !== undefined) return { id: there, made: false }
    try {
      return { id: await make(vpc, call), made: true }
    } catch (error) {
      // Another one may have been attached meanwhile.
      const other = await gatewayOf(vpc, call).catch(() => undefined)
      if (other === undefined) throw error
      return { id: other, made: false }
    }
  }

  const isOurs = async (id: string, call: Call) => {
    const [found] = await gatewaysAt('internet-gateway-id', id, call)
    return found?.Tags?.some(({ Key: key }) => key === operationKey) === true
  }

  const isUsedBeside = async (table: RouteTable, gateway: string, call: Call) => {
    const Filters = [{ Name: 'vpc-id', Values: [table.VpcId!] }]
    const tables = await readAll(async (token) => {
      const asked = { Filters, NextToken: token }
      const { RouteTables: items, NextToken: next } = await client.read((sdk) => new sdk.DescribeRouteTablesCommand(asked), call)
      return { items, token: next }
    })
    return tables.some((other) => other.RouteTableId !== table.RouteTableId && waysOut(other).some(({ GatewayId: id }) => id === gateway))
  }

  return {
    /** Has a route table lead everything to the VPC's internet gateway, which is made where there is none. */
    async lead (table: RouteTable, call: Call): Promise<void> {
      const { RouteTableId: id, VpcId: vpc = '' } = table
      const { id: gateway, made } = await open(vpc, call)
      const route = { RouteTableId: id, DestinationCidrBlock: anywhere, GatewayId: gateway }
      const dead = table.Routes?.some(({ DestinationCidrBlock: block, State: state }) => block === anywhere && state === 'blackhole')
      const set = async () => {
        if (dead === true) await client.change((sdk) => new sdk.ReplaceRouteCommand(route), call, { token: true })
        else await client.change((sdk) => new sdk.CreateRouteCommand(route), call)
      }
      if (!made) return set()
      await orUndo(call, `the internet gateway ${gateway} is there`, set, async (own) => {
        await detach(gateway, vpc, own)
        await remove(gateway, own)
      })
    },

    /**
     * Takes a route table's way outside away, by `cut`, and with it the gateway, if it was made here and nothing else leads
     * to it. The gateway is detached first: that the cloud refuses as long as addresses of the VPC depend on it (in_use).
     */
    async close (table: RouteTable, call: Call, cut: () => Promise<unknown>): Promise<void> {
      const gateway = waysOut(table)[0]?.GatewayId
      const goes = gateway !== undefined && await isOurs(gateway, call) && !await isUsedBeside(table, gateway, call)
      if (!goes) {
        await cut()
        return
      }
      const vpc = table.VpcId!
      await detach(gateway, vpc, call)
      await orUndo(call, `the internet gateway ${gateway} is detached`, cut, (own) => attach(gateway, vpc, own))
      await remove(gateway, call).catch((error: unknown) => {
        if (!isMissing(error)) throw error
      })
    },

    /** Removes the routes by which a table leads outside. */
    async unroute (table: RouteTable, call: Call): Promise<void> {
      for (const { DestinationCidrBlock: four, DestinationIpv6CidrBlock: six } of waysOut(table)) {
        const block = four === undefined ? { DestinationIpv6CidrBlock: six } : { DestinationCidrBlock: four }
        const route = { RouteTableId: table.RouteTableId, ...block }
        await client.change((sdk) => new sdk.DeleteRouteCommand(route), call, { token: true })
      }
    }
  }
}
