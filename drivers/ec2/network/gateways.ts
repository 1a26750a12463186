import type { InternetGateway, RouteTable } from '@aws-sdk/client-ec2'
import type { Call } from '../../call.ts'
import {
  hasOperationTag,
  ignoreMissing,
  labelOrRollBack,
  malformed,
  readAllPages,
  runOrRollBack,
  toTagParameters,
  type Cloud
} from '../client/index.ts'

const anyAddress = '0.0.0.0/0'

/** Returns the routes of a route table to an internet gateway. */
const outsideRoutesOf = ({ Routes: routes = [] }: RouteTable) =>
  routes.filter(({ GatewayId: gateway }) => gateway?.startsWith('igw-') === true)

/** Whether a route table leads outside. A route is a `blackhole` if its gateway was deleted. */
export const isRoutedOutside = (table: RouteTable) =>
  outsideRoutesOf(table).some(({ State: state }) => state !== 'blackhole')

/**
 * The internet gateways of VPCs; a VPC has at most one. A gateway that this server creates carries the tag of its
 * operation, and is deleted when no route table leads to it. Other gateways are never deleted.
 */
export function createGateways (cloud: Cloud) {
  const { client } = cloud

  const readGateway = async (
    filter: string,
    id: string,
    call: Call
  ): Promise<InternetGateway | undefined> => {
    const input = { Filters: [{ Name: filter, Values: [id] }] }
    return (await client.read('DescribeInternetGateways', input, call)).InternetGateways?.[0]
  }

  const readGatewayId = async (vpc: string, call: Call) =>
    (await readGateway('attachment.vpc-id', vpc, call))?.InternetGatewayId

  const deleteGateway = (id: string, call: Call) =>
    client.change('DeleteInternetGateway', { InternetGatewayId: id }, call, { idempotent: true })
  const attach = (id: string, vpc: string, call: Call) =>
    client.change('AttachInternetGateway', { InternetGatewayId: id, VpcId: vpc }, call)
  const detach = (id: string, vpc: string, call: Call) =>
    client.change('DetachInternetGateway', { InternetGatewayId: id, VpcId: vpc }, call, {
      idempotent: true
    })

  const createGateway = async (vpc: string, call: Call) => {
    const labels = { operation: call.operation ?? call.requestId }
    const input = toTagParameters(cloud, 'internet-gateway', labels)
    const { InternetGateway: created } = await client.change('CreateInternetGateway', input, call)
    const id = created?.InternetGatewayId
    if (id === undefined) {
      throw malformed('The response of the cloud has no internet gateway', false)
    }
    const rollBack = (rollbackCall: Call) => deleteGateway(id, rollbackCall)
    await labelOrRollBack(cloud, id, labels, call, rollBack)
    await runOrRollBack(
      call,
      `the internet gateway ${id} exists`,
      () => attach(id, vpc, call),
      rollBack
    )
    return id
  }

  /** Returns the gateway of the VPC, or creates one. */
  const ensureGateway = async (
    vpc: string,
    call: Call
  ): Promise<{ id: string, isNew: boolean }> => {
    const existing = await readGatewayId(vpc, call)
    if (existing !== undefined) return { id: existing, isNew: false }
    try {
      return { id: await createGateway(vpc, call), isNew: true }
    } catch (error) {
      // Another request may have attached a gateway meanwhile.
      const other = await readGatewayId(vpc, call).catch(() => undefined)
      if (other === undefined) throw error
      return { id: other, isNew: false }
    }
  }

  const isUsedElsewhere = async (table: RouteTable, gateway: string, call: Call) => {
    const Filters = [{ Name: 'vpc-id', Values: [table.VpcId!] }]
    const tables = await readAllPages(
      client,
      'DescribeRouteTables',
      'RouteTables',
      { Filters },
      call
    )
    return tables.some((other) =>
      other.RouteTableId !== table.RouteTableId &&
      outsideRoutesOf(other).some(({ GatewayId: id }) => id === gateway)
    )
  }

  const isDeletable = async (table: RouteTable, gateway: string, call: Call) => {
    const found = await readGateway('internet-gateway-id', gateway, call)
    return found !== undefined && hasOperationTag(found) &&
      !await isUsedElsewhere(table, gateway, call)
  }

  return {
    /** Routes all traffic of a route table to the internet gateway of its VPC, and creates the gateway if necessary. */
    async connect (table: RouteTable, call: Call): Promise<void> {
      const { RouteTableId: id, VpcId: vpc = '', Routes: routes = [] } = table
      const { id: gateway, isNew } = await ensureGateway(vpc, call)
      const route = { RouteTableId: id, DestinationCidrBlock: anyAddress, GatewayId: gateway }
      const hasDeadRoute = routes.some(({ DestinationCidrBlock: block, State: state }) =>
        block === anyAddress && state === 'blackhole'
      )
      const setRoute = async () => {
        if (hasDeadRoute) await client.change('ReplaceRoute', route, call, { idempotent: true })
        else await client.change('CreateRoute', route, call)
      }
      if (!isNew) return setRoute()
      await runOrRollBack(
        call,
        `the internet gateway ${gateway} exists`,
        setRoute,
        async (rollbackCall) => {
          await detach(gateway, vpc, rollbackCall)
          await deleteGateway(gateway, rollbackCall)
        }
      )
    },

    /**
     * Disconnects a route table from its gateway by `cut`, and deletes the gateway if this server created it and no
     * other route table leads to it. The gateway is detached first, because the cloud refuses that while addresses of
     * the VPC depend on it (in_use).
     */
    async disconnect (table: RouteTable, call: Call, cut: () => Promise<unknown>): Promise<void> {
      const gateway = outsideRoutesOf(table)[0]?.GatewayId
      if (gateway === undefined || !await isDeletable(table, gateway, call)) {
        await cut()
        return
      }
      const vpc = table.VpcId!
      await detach(gateway, vpc, call)
      await runOrRollBack(
        call,
        `the internet gateway ${gateway} is detached`,
        cut,
        (rollbackCall) => attach(gateway, vpc, rollbackCall)
      )
      await ignoreMissing(deleteGateway(gateway, call))
    },

    /** Deletes the routes of a route table to internet gateways. */
    async deleteRoutes (table: RouteTable, call: Call): Promise<void> {
      for (
        const { DestinationCidrBlock: v4, DestinationIpv6CidrBlock: v6 } of outsideRoutesOf(table)
      ) {
        const block = v4 === undefined
          ? { DestinationIpv6CidrBlock: v6 }
          : { DestinationCidrBlock: v4 }
        const route = { RouteTableId: table.RouteTableId, ...block }
        await client.change('DeleteRoute', route, call, { idempotent: true })
      }
    }
  }
}
