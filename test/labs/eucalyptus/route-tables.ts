import { fault } from './faults.ts'
import { filtered } from './filters.ts'
import { chosen, find } from './state.ts'
import { tagSet } from './tags.ts'
import type { Actions } from './action.ts'
import type { Query } from './query.ts'
import type { Cloud, Route, RouteTable, Vpc } from './state.ts'

/** From Eucalyptus' VpcManager. */
export const routeTableActions: Actions = {
  DescribeRouteTables (cloud, query) {
    const all = chosen(cloud.routeTables, query.list('RouteTableId'), 'rtb', 'InvalidRouteTableID.NotFound')
    const shown = filtered(cloud, query, all, {
      'association.main': table => table.main,
      'association.route-table-association-id': table => associations(table).map(one => one.routeTableAssociationId),
      'association.route-table-id': table => table.id,
      'association.subnet-id': table => table.associations.map(({ subnet }) => subnet),
      'route-table-id': table => table.id,
      'route.destination-cidr-block': table => table.routes.map(({ cidr }) => cidr),
      'route.gateway-id': table => table.routes.map(({ gateway }) => gateway),
      'route.state': () => 'active',
      'vpc-id': table => table.vpc
    }, table => table.id)
    return { routeTableSet: shown.map(table => shownTable(cloud, table)) }
  },

  CreateRouteTable (cloud, query) {
    const vpc = find(cloud.vpcs, query.need('VpcId'), 'vpc', 'InvalidVpcID.NotFound')
    return { routeTable: shownTable(cloud, createRouteTable(cloud, vpc, false)) }
  },

  DeleteRouteTable (cloud, query) {
    const table = lookup(cloud, query)
    if (table.main || table.associations.length) {
      throw fault('DependencyViolation', `Route table (${table.id}) has dependencies and cannot be deleted`)
    }
    cloud.routeTables.delete(table.id)
    cloud.tags.delete(table.id)
  },

  AssociateRouteTable (cloud, query) {
    const table = lookup(cloud, query)
    const subnet = find(cloud.subnets, query.need('SubnetId'), 'subnet', 'InvalidSubnetID.NotFound')
    if (subnet.vpc !== table.vpc) throw fault('InvalidParameterValue', 'Invalid value for subnet (vpc does not match)')
    for (const other of cloud.routeTables.values()) {
      if (other.associations.some(one => one.subnet === subnet.id)) {
        throw fault('Resource.AlreadyAssociated', `Subnet ${subnet.id} is already associated`)
      }
    }
    const association = { id: cloud.id('rtbassoc'), subnet: subnet.id }
    table.associations.push(association)
    return { associationId: association.id }
  },

  DisassociateRouteTable (cloud, query) {
    const id = query.need('AssociationId').toLowerCase()
    const table = [...cloud.routeTables.values()].find(({ associations }) => associations.some(one => one.id === id))
    if (!table) throw fault('InvalidAssociationID.NotFound', `Route table association (${id}) not found`)
    table.associations = table.associations.filter(one => one.id !== id)
  },

  CreateRoute (cloud, query) {
    const table = lookup(cloud, query)
    const route = given(cloud, query, table)
    if (table.routes.some(({ cidr }) => cidr === route.cidr)) {
      throw fault('RouteAlreadyExists', `Route exists for cidr: ${route.cidr}`)
    }
    table.routes.push(route)
  },

  ReplaceRoute (cloud, query) {
    const table = lookup(cloud, query)
    const route = given(cloud, query, table)
    existing(table, route.cidr)
    table.routes = table.routes.map(old => old.cidr === route.cidr ? route : old)
  },

  DeleteRoute (cloud, query) {
    const table = lookup(cloud, query)
    const route = existing(table, query.need('DestinationCidrBlock'))
    if (route.gateway === 'local') throw fault('InvalidParameterValue', `Cannot remove local route ${route.cidr}`)
    table.routes = table.routes.filter(one => one !== route)
  }
}

export function createRouteTable (cloud: Cloud, vpc: Vpc, main: boolean): RouteTable {
  const table: RouteTable = {
    id: cloud.id('rtb'),
    vpc: vpc.id,
    main,
    mainAssociation: cloud.id('rtbassoc'),
    routes: [{ cidr: vpc.cidr, gateway: 'local', origin: 'CreateRouteTable' }],
    associations: []
  }
  cloud.routeTables.set(table.id, table)
  return table
}

function lookup (cloud: Cloud, query: Query): RouteTable {
  return find(cloud.routeTables, query.need('RouteTableId'), 'rtb', 'InvalidRouteTableID.NotFound')
}

function existing (table: RouteTable, cidr: string): Route {
  const route = table.routes.find(one => one.cidr === cidr)
  if (!route) throw fault('InvalidRoute.NotFound', `Route not found for cidr: ${cidr}`)
  return route
}

function given (cloud: Cloud, query: Query, table: RouteTable): Route {
  const cidr = query.need('DestinationCidrBlock')
  const gateway = query.one('GatewayId')
  if (gateway) {
    const found = find(cloud.gateways, gateway, 'igw', 'InvalidInternetGatewayID.NotFound')
    if (found.vpc !== table.vpc) {
      throw fault(
        'InvalidParameterValue',
        `route table ${table.id} and network gateway ${found.id} belong to different networks`
      )
    }
    return { cidr, gateway: found.id, origin: 'CreateRoute' }
  }
  const instance = query.one('InstanceId')
  const nic = instance
    ? [...cloud.nics.values()].find(
        (one) => one.attachment?.instance === find(cloud.instances, instance, 'i', 'InvalidInstanceID.NotFound').id
      )
    : find(cloud.nics, query.need('NetworkInterfaceId'), 'eni', 'InvalidNetworkInterfaceID.NotFound')
  if (!nic) throw fault('InvalidInstanceID.NotFound', `Instance ${instance} has no interface`)
  return { cidr, nic: nic.id, origin: 'CreateRoute' }
}

function associations (table: RouteTable) {
  const main = table.main
    ? [{ routeTableAssociationId: table.mainAssociation, routeTableId: table.id, main: true }]
    : []
  const others = table.associations.map(({ id, subnet }) => (
    { routeTableAssociationId: id, routeTableId: table.id, subnetId: subnet, main: false }
  ))
  return [...main, ...others]
}

function shownTable (cloud: Cloud, table: RouteTable) {
  return {
    routeTableId: table.id,
    vpcId: table.vpc,
    routeSet: table.routes.map(({ cidr, gateway, nic, origin }) => ({
      destinationCidrBlock: cidr,
      gatewayId: gateway,
      instanceId: nic && cloud.nics.get(nic)?.attachment?.instance,
      networkInterfaceId: nic,
      state: 'active',
      origin
    })),
    associationSet: associations(table),
    propagatingVgwSet: [],
    tagSet: tagSet(cloud, table.id)
  }
}
