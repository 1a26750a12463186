/**
 * The parameters of each action; others are refused: Eucalyptus binds a request to the fields of a message, and what is
 * left over refuses the whole request. These are the fields of the messages of 4.x (package
 * com.eucalyptus.compute.common: VmControl, VmBlockDevice, VmImages, VmKeys, VmSecurity, VmAddresses, VmLocation,
 * VmTypeMessages, VPC, Tags), and the rule is that of BaseQueryBinding and ComputeQueryBinding. `N` and `M` stand for a
 * number of one to seven digits, `#` marks a number as the value; a plain list is also taken without its number. Tags
 * at creation (TagSpecification) came after 4.x.
 */
import { pipelineFault } from './faults.ts'

const filters = ['Filter.N.Name', 'Filter.N.Value.M']
const paged = [...filters, 'MaxResults#', 'NextToken']
const device = [
  'DeviceName',
  'VirtualName',
  'NoDevice',
  'Size#',
  'Format',
  'Ebs.VirtualName',
  'Ebs.SnapshotId',
  'Ebs.VolumeSize#',
  'Ebs.Encrypted',
  'Ebs.DeleteOnTermination',
  'Ebs.VolumeType',
  'Ebs.Iops#'
].map((name) => `BlockDeviceMapping.N.${name}`)
const nic = [
  'NetworkInterfaceId',
  'DeviceIndex#',
  'SubnetId',
  'Description',
  'PrivateIpAddress',
  'SecurityGroupId.M',
  'DeleteOnTermination',
  'PrivateIpAddresses.M.PrivateIpAddress',
  'PrivateIpAddresses.M.Primary',
  'SecondaryPrivateIpAddressCount#',
  'AssociatePublicIpAddress'
].map((name) => `NetworkInterface.N.${name}`)
const permissions = [
  'IpProtocol',
  'FromPort#',
  'ToPort#',
  'Groups.M.UserId',
  'Groups.M.GroupName',
  'Groups.M.GroupId',
  'IpRanges.M.CidrIp'
].map((name) => `IpPermissions.N.${name}`)
const ingress = [
  'GroupId',
  'GroupName',
  'UserId',
  'SourceSecurityGroupName',
  'SourceSecurityGroupOwnerId',
  'IpProtocol',
  'FromPort#',
  'ToPort#',
  'CidrIp',
  ...permissions
]
const egress = ['GroupId', ...permissions]
const route = [
  'RouteTableId',
  'DestinationCidrBlock',
  'GatewayId',
  'InstanceId',
  'NatGatewayId',
  'NetworkInterfaceId',
  'VpcPeeringConnectionId'
]

export const accepted: Record<string, string[]> = {
  RunInstances: [
    'ImageId',
    'MinCount#',
    'MaxCount#',
    'KeyName',
    'SecurityGroup.N',
    'SecurityGroupId.N',
    'AdditionalInfo',
    'UserData',
    'Encoding',
    'AddressingType',
    'InstanceType',
    'KernelId',
    'RamdiskId',
    'Placement.AvailabilityZone',
    'Placement.GroupName',
    'Placement.Tenancy',
    ...device,
    'Monitoring.Enabled',
    'SubnetId',
    'DisableApiTermination',
    'InstanceInitiatedShutdownBehavior',
    'PrivateIpAddress',
    'ClientToken',
    ...nic,
    'IamInstanceProfile.Arn',
    'IamInstanceProfile.Name',
    'EbsOptimized'
  ],
  DescribeInstances: ['InstanceId.N', ...paged],
  DescribeInstanceStatus: ['InstanceId.N', ...paged, 'IncludeAllInstances'],
  StartInstances: ['InstanceId.N', 'AdditionalInfo'],
  StopInstances: ['InstanceId.N', 'Force'],
  RebootInstances: ['InstanceId.N'],
  TerminateInstances: ['InstanceId.N'],
  MonitorInstances: ['InstanceId.N'],
  UnmonitorInstances: ['InstanceId.N'],
  GetConsoleOutput: ['InstanceId', 'InstanceId.1'],
  DescribeInstanceAttribute: ['InstanceId', 'Attribute'],
  ModifyInstanceAttribute: [
    'InstanceId',
    'InstanceType.Value',
    'Kernel.Value',
    'Ramdisk.Value',
    'UserData.Value',
    'DisableApiTermination.Value',
    'InstanceInitiatedShutdownBehavior.Value',
    'BlockDeviceMapping.N.DeviceName',
    'BlockDeviceMapping.N.Ebs.VolumeId',
    'BlockDeviceMapping.N.Ebs.DeleteOnTermination',
    'SourceDestCheck.Value',
    'GroupId.N',
    'EbsOptimized',
    'EbsOptimized.Value',
    'SriovNetSupport.Value'
  ],
  DescribeBundleTasks: ['BundleId.N', ...filters],
  DescribeInstanceTypes: ['Verbose', 'Availability', 'InstanceType.N'],

  DescribeImages: ['ExecutableBy.N', 'ImageId.N', 'Owner.N', ...filters],
  CreateImage: ['InstanceId', 'Name', 'Description', 'NoReboot', ...device],
  RegisterImage: [
    'ImageLocation',
    'AmiId',
    'Name',
    'Description',
    'Architecture',
    'KernelId',
    'RamdiskId',
    'RootDeviceName',
    'VirtualizationType',
    'Platform',
    'SriovNetSupport',
    ...device
  ],
  DeregisterImage: ['ImageId'],
  DescribeImageAttribute: ['ImageId', 'Attribute'],
  ModifyImageAttribute: [
    'ImageId',
    'ProductCode.N',
    'LaunchPermission.Add.N.UserId',
    'LaunchPermission.Add.N.Group',
    'LaunchPermission.Remove.N.UserId',
    'LaunchPermission.Remove.N.Group',
    'Description.Value',
    'UserId.N',
    'Group.N',
    'UserGroup.N',
    'Attribute',
    'OperationType'
  ],

  DescribeKeyPairs: ['KeyName.N', ...filters],
  CreateKeyPair: ['KeyName'],
  ImportKeyPair: ['KeyName', 'PublicKeyMaterial'],
  DeleteKeyPair: ['KeyName'],

  DescribeSecurityGroups: ['GroupName.N', 'GroupId.N', ...filters],
  CreateSecurityGroup: ['GroupName', 'GroupDescription', 'VpcId'],
  DeleteSecurityGroup: ['GroupName', 'GroupId'],
  AuthorizeSecurityGroupIngress: ingress,
  RevokeSecurityGroupIngress: ingress,
  AuthorizeSecurityGroupEgress: egress,
  RevokeSecurityGroupEgress: egress,

  AllocateAddress: ['Domain'],
  AssociateAddress: [
    'PublicIp',
    'InstanceId',
    'AllocationId',
    'NetworkInterfaceId',
    'PrivateIpAddress',
    'AllowReassociation'
  ],
  DisassociateAddress: ['PublicIp', 'AssociationId'],
  ReleaseAddress: ['PublicIp', 'AllocationId'],
  DescribeAddresses: ['PublicIp.N', 'AllocationId.N', ...filters],

  DescribeVolumes: ['VolumeId.N', ...paged],
  CreateVolume: ['Size', 'SnapshotId', 'AvailabilityZone', 'VolumeType', 'Iops#', 'Encrypted', 'KmsKeyId'],
  DeleteVolume: ['VolumeId'],
  AttachVolume: ['VolumeId', 'InstanceId', 'Device'],
  DetachVolume: ['VolumeId', 'InstanceId', 'Device', 'Force'],
  DescribeSnapshots: ['SnapshotId.N', 'Owner.N', 'RestorableBy.N', ...paged],
  CreateSnapshot: ['VolumeId', 'Description'],
  DeleteSnapshot: ['SnapshotId'],

  DescribeTags: paged,
  CreateTags: ['ResourceId.N', 'Tag.N.Key', 'Tag.N.Value'],
  DeleteTags: ['ResourceId.N', 'Tag.N.Key', 'Tag.N.Value'],
  DescribeAvailabilityZones: ['ZoneName.N', ...filters],
  DescribeRegions: ['RegionName.N', ...filters],
  DescribeAccountAttributes: ['AttributeName.N', ...filters],

  DescribeVpcs: ['VpcId.N', ...filters],
  CreateVpc: ['CidrBlock', 'InstanceTenancy'],
  DeleteVpc: ['VpcId'],
  DescribeVpcAttribute: ['VpcId', 'Attribute'],
  ModifyVpcAttribute: ['VpcId', 'EnableDnsSupport.Value', 'EnableDnsHostnames.Value'],
  DescribeSubnets: ['SubnetId.N', ...filters],
  CreateSubnet: ['VpcId', 'CidrBlock', 'AvailabilityZone'],
  DeleteSubnet: ['SubnetId'],
  ModifySubnetAttribute: ['SubnetId', 'MapPublicIpOnLaunch.Value'],
  DescribeInternetGateways: ['InternetGatewayId.N', ...filters],
  CreateInternetGateway: [],
  DeleteInternetGateway: ['InternetGatewayId'],
  AttachInternetGateway: ['InternetGatewayId', 'VpcId'],
  DetachInternetGateway: ['InternetGatewayId', 'VpcId'],
  DescribeRouteTables: ['RouteTableId.N', ...filters],
  CreateRouteTable: ['VpcId'],
  DeleteRouteTable: ['RouteTableId'],
  AssociateRouteTable: ['RouteTableId', 'SubnetId'],
  DisassociateRouteTable: ['AssociationId'],
  CreateRoute: route,
  ReplaceRoute: route,
  DeleteRoute: ['RouteTableId', 'DestinationCidrBlock'],
  DescribeNetworkInterfaces: ['NetworkInterfaceId.N', ...filters],
  CreateNetworkInterface: [
    'SubnetId',
    'Description',
    'PrivateIpAddress',
    'SecurityGroupId.N',
    'PrivateIpAddresses.N.PrivateIpAddress',
    'PrivateIpAddresses.N.Primary',
    'SecondaryPrivateIpAddressCount#'
  ],
  DeleteNetworkInterface: ['NetworkInterfaceId'],
  AttachNetworkInterface: ['NetworkInterfaceId', 'InstanceId', 'DeviceIndex#'],
  DetachNetworkInterface: ['AttachmentId', 'Force'],
  DescribeNetworkInterfaceAttribute: ['NetworkInterfaceId', 'Attribute'],
  ModifyNetworkInterfaceAttribute: [
    'NetworkInterfaceId',
    'Description.Value',
    'SourceDestCheck.Value',
    'SecurityGroupId.N',
    'Attachment.AttachmentId',
    'Attachment.DeleteOnTermination'
  ]
}

const patterns = new Map(Object.entries(accepted).map(([action, names]) => [action, names.map(pattern)]))

/** Refuses what the action does not take, and actions that are not there. */
export function bind (action: string | undefined, parameters: ReadonlyMap<string, string>) {
  const known = patterns.get(action ?? '')
  if (!known) throw pipelineFault(400, `Failed to construct message of type: ${action}`)
  const fits = (name: string, value: string) =>
    known.some((one) => one.name.test(name) && (!one.number || /^-?\d{1,9}$/.test(value)))
  const left = [...parameters].filter(([name, value]) => !fits(name, value))
    .map(([name, value]) => `${name} = ${value}\n`)
  if (left.length) throw pipelineFault(400, `Failed to bind the following fields:\n${left.join('')}`)
}

function pattern (text: string): { name: RegExp, number: boolean } {
  const parts = text.replace('#', '').split('.')
  const isList = parts.at(-1) === 'N'
  const source = parts.map(part => part === 'N' || part === 'M' ? '\\d{1,7}' : part).join('\\.')
  return {
    name: new RegExp(`^(?:${source}${isList ? `|${parts.slice(0, -1).join('\\.')}` : ''})$`),
    number: text.endsWith('#')
  }
}
