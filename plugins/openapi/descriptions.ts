/** The name of each resource at each kind of cloud. */
const kinds = {
  Node: 'A node is an EC2 or Eucalyptus instance, or a Nova server of OpenStack or Rackspace.',
  Image:
    'An image is an AMI of EC2 or Eucalyptus, a Glance image of OpenStack, or an image of Rackspace.',
  Size: 'A size is an instance type of EC2 or Eucalyptus, or a flavor of OpenStack or Rackspace.',
  Location: 'A location is a region or an availability zone of EC2, Eucalyptus or OpenStack.',
  KeyPair: 'A key pair is one of EC2 or Eucalyptus, or of Nova.',
  Network:
    'A network is a VPC of EC2 or Eucalyptus, a Neutron network of OpenStack, or a network of Rackspace.',
  Subnet: 'A subnet is one of a VPC of EC2 or Eucalyptus, or of a Neutron network of OpenStack.',
  Router:
    'A router is a Neutron router of OpenStack, or a route table of EC2 with its internet gateway.',
  SecurityGroup:
    'A security group is one of EC2, Eucalyptus or Neutron. Its rules are listed with it.',
  FloatingIp: 'A floating IP is an elastic IP of EC2 or Eucalyptus, or a floating IP of Neutron.',
  FloatingIpPool: 'A pool is an external network of Neutron. EC2 has no pools.',
  Volume:
    'A volume is an EBS volume of EC2 or Eucalyptus, or a Cinder volume of OpenStack or Rackspace.',
  VolumeType: 'A volume type is an EBS type of EC2, or a Cinder type of OpenStack or Rackspace.',
  Snapshot:
    'A snapshot is an EBS snapshot of EC2 or Eucalyptus, or a Cinder snapshot of OpenStack or Rackspace.'
}

const isOperation = 'The answer is an operation; `Prefer: wait=30` waits for its end.'
const readThenAct =
  'The server reads the node once, checks `allowed_actions` and the protection, and sends one ' +
  `request to the cloud. ${isOperation} If the node is already in the end state, nothing is sent.`

/** Descriptions that the kind of the operation does not give. */
const own: Record<string, string> = {
  createNode:
    'EC2 and Eucalyptus: RunInstances. OpenStack and Rackspace: a Nova server. The cloud may require more ' +
    'fields: see `required` in its capabilities. A field that the cloud does not support is answered with 501 and ' +
    'nothing is created. With `count`, the operation lists all nodes in `resources`. If the response of the cloud is ' +
    `lost, the server finds out whether the node exists before it reports an end. ${isOperation}`,
  destroyNode:
    'EC2: TerminateInstances. OpenStack and Rackspace: the server is deleted. Volumes are deleted only if ' +
    'they were created with `delete_on_termination`; floating IPs, snapshots and images stay. A protected node is ' +
    'answered with 409. The server reads the node once and sends one request. A node that is already gone is a ' +
    `success. ${isOperation}`,
  validateNode:
    'Checks the fields, the capabilities of the cloud, and whether image, size, networks and key pair ' +
    'exist and fit each other. Reads from the cloud, at most once for each resource that the request names. An ' +
    'invalid body is a failed check, not an error. The quota of the account is not reserved.',
  startNode:
    'EC2: StartInstances. OpenStack and Rackspace: os-start. Disks and addresses of networks stay. ' +
    `${readThenAct}`,
  stopNode:
    'EC2: StopInstances; the public address is released unless it is an elastic IP. OpenStack and Rackspace: ' +
    `os-stop; addresses stay and the cloud may charge on. ${readThenAct}`,
  rebootNode:
    'EC2: RebootInstances, which has no types. OpenStack and Rackspace: a soft or a hard reboot. A soft ' +
    `reboot needs a running node. Memory is lost; disks and addresses stay. ${readThenAct}`,
  pauseNode:
    `OpenStack: the node keeps its memory on its host and uses no CPU. EC2 has no such action. ${readThenAct}`,
  suspendNode:
    'OpenStack: the hypervisor writes the memory to disk. EC2: hibernation, for nodes that were created ' +
    `with it. ${readThenAct}`,
  resumeNode:
    `OpenStack: unpause, resume or unshelve, as the state of the node needs it. ${readThenAct}`,
  shelveNode:
    'OpenStack: the disk becomes an image and the host is freed. Addresses and attached volumes stay. ' +
    `Resume the node to use it again. ${readThenAct}`,
  rescueNode:
    'OpenStack and Rackspace: the node boots from a rescue image and has its own disk as the second one. ' +
    `The answer may have a password in \`secrets\`, once. ${readThenAct}`,
  unrescueNode:
    `OpenStack and Rackspace: the disk of the node is as the rescue left it. ${readThenAct}`,
  resizeNode:
    'EC2: changes the instance type of a stopped node. OpenStack and Rackspace: moves the node, and it ' +
    `waits for \`confirm_resize\` or \`revert_resize\`. Addresses and volumes stay. ${readThenAct}`,
  confirmResizeNode:
    'OpenStack and Rackspace: frees the old place of a node after a resize. The cloud does it ' +
    `itself after a time of its own. ${readThenAct}`,
  revertResizeNode:
    `OpenStack and Rackspace: the node has its size from before the resize. ${readThenAct}`,
  rebuildNode:
    'OpenStack and Rackspace: everything on the root disk is lost. Id, name, addresses and attached ' +
    `volumes stay. ${readThenAct}`,
  restoreNode:
    `OpenStack with delayed deletion (reclaim_instance_interval): the node is as before. ${readThenAct}`,
  listNodeNics:
    'EC2: network interfaces. OpenStack: Neutron ports, or the interfaces of Nova without Neutron. One ' +
    'or two reads from the cloud; the answer has no pages.',
  attachNodeNic:
    'EC2: creates and attaches a network interface. OpenStack: creates and attaches a port. The system ' +
    `in the node must configure it. Other NICs do not change. ${isOperation}`,
  detachNodeNic:
    'EC2: a NIC that this server made is deleted, another is only detached. OpenStack: Nova ' +
    `detaches the port. A floating IP of it becomes free and stays in the account. ${isOperation}`,
  addNodeSecurityGroup:
    'Takes effect at once and without an operation. Groups that a NIC has already stay. ' +
    'OpenStack without Neutron does it in one request, all others in one for each NIC.',
  removeNodeSecurityGroup:
    'Takes effect at once and without an operation. Other groups stay. The group itself is ' +
    'not deleted.',
  getNodeConsole:
    'Text is the end of the output of the node, as old as the cloud has it (EC2: up to minutes). A URL ' +
    'is made by each request and expires; EC2 and Eucalyptus have none. One read from the cloud.',
  createImage:
    'EC2 and Eucalyptus: CreateImage without a reboot; stop the node first if its disk must be ' +
    'consistent. OpenStack: a snapshot of the disk by Nova; of a node that boots from a volume, a snapshot of the ' +
    `volume. The node stays as it is. ${isOperation}`,
  deleteImage:
    'EC2: deregisters the AMI; its snapshots stay and cost, unless `delete_snapshots` is true. OpenStack ' +
    `and Rackspace: deletes the image. Nodes of the image run on. ${isOperation}`,
  importImage:
    'OpenStack: the web-download of Glance. The cloud itself must reach the URL; the file does not pass ' +
    `through this server. ${isOperation}`,
  uploadImage:
    'OpenStack: an upload to Glance. The file is streamed to the cloud as it arrives, without a limit of ' +
    'size or time, and is never stored by this server. With `Content-Length` the operation has a progress. A file ' +
    'that breaks off leaves no image.',
  createKeyPair:
    'With `public_key` the key is imported. Without, the cloud generates a pair, and only this answer ' +
    'has the private key, in `secrets`: neither the server nor the cloud keeps it. One request to the cloud.',
  deleteKeyPair: 'Nodes that were created with the key pair keep it. One request to the cloud.',
  createNetwork: 'EC2: a VPC, which needs `cidr`. OpenStack: a Neutron network without a subnet, ' +
    'which a second request creates. Rackspace: a network of its own, which needs `cidr`.',
  deleteNetwork:
    'OpenStack: its subnets are deleted with it. A network in use is answered with 409 and nothing is ' +
    'deleted. EC2: the subnets must be deleted first.',
  createSubnet:
    'EC2: CreateSubnet, in one zone. OpenStack: a Neutron subnet with DHCP. The subnet is not connected ' +
    'to a router.',
  deleteSubnet: 'A subnet with nodes or router interfaces is answered with 409. The network stays.',
  createRouter:
    'OpenStack: a Neutron router, with `external_gateway` connected to the outside. EC2: a route ' +
    'table of the network `network_id`, with `external_gateway` an internet gateway.',
  deleteRouter:
    'Disconnect its subnets first; otherwise the answer is 409. Networks and subnets stay.',
  addRouterInterface:
    'OpenStack: an interface with the address of the gateway of the subnet. EC2: associates the ' +
    'route table with the subnet. One request to the cloud and one read.',
  removeRouterInterface:
    'Nodes of the subnet lose the way through the router. A floating IP that needs the router ' +
    'is answered with 409. The subnet stays.',
  createSecurityGroup:
    'The group allows all outgoing and no incoming traffic, as the cloud makes it. EC2: without ' +
    '`network_id` in the default VPC. No node uses it yet.',
  deleteSecurityGroup: 'Its rules are deleted with it. A group in use is answered with 409.',
  createSecurityGroupRule:
    'Takes effect at once for all nodes of the group. The remote end is `cidr` or ' +
    '`remote_group_id`; without either, every address. A rule that exists is answered with 409.',
  deleteSecurityGroupRule: 'Takes effect at once; open connections may go on. Other rules stay.',
  createFloatingIp:
    'EC2: AllocateAddress. OpenStack: a floating IP of an external network. It is not associated ' +
    'with a node, and the cloud may charge for it until it is deleted.',
  deleteFloatingIp:
    'The address goes back to the cloud, and the account may not get it again. A node that it is ' +
    'associated with keeps its other addresses.',
  associateFloatingIp:
    'EC2: AssociateAddress. OpenStack: the floating IP points at a port of the node. An address ' +
    'that is associated elsewhere moves. The answer has the floating IP after the action.',
  disassociateFloatingIp:
    'The address stays in the account and can be associated again. Without an association ' +
    'nothing changes.',
  createVolume:
    'EC2: CreateVolume, which needs `availability_zone`. OpenStack and Rackspace: a Cinder ' +
    `volume. The volume is not attached. ${isOperation}`,
  deleteVolume:
    'Everything on the volume is lost. Its snapshots stay at EC2; OpenStack answers 409 if there ' +
    `are any. An attached volume is answered with 409. ${isOperation}`,
  attachVolume:
    'EC2 needs a free device and a node of the same zone. OpenStack and Rackspace choose the device. The ' +
    `system in the node must mount it. ${isOperation}`,
  detachVolume:
    'Unmount it in the node first. The content of the volume stays. A volume that is not attached ' +
    `is answered with 409. ${isOperation}`,
  extendVolume:
    'The size can only grow. EC2: ModifyVolume. OpenStack: also of an attached volume, if Cinder allows ' +
    `it. The file system in the volume does not grow by itself. ${isOperation}`,
  createSnapshot:
    'EC2: CreateSnapshot. OpenStack and Rackspace: a Cinder snapshot, also of an attached volume. What ' +
    `the node has not written to the disk yet is not in it. ${isOperation}`,
  deleteSnapshot:
    'Volumes that were created from the snapshot stay. EC2 answers 409 if an image uses it. ' +
    `${isOperation}`,
  listQuotas:
    'EC2: the limits that the account itself can read, with the use that one or two calls count. ' +
    'OpenStack: those of Nova, Neutron and Cinder, read at the same time; `sources` tells how each ' +
    'answered. A limit of null means unlimited; `used` of null is unknown.',
  listNodeOperations:
    'Reads the store of this server, not the cloud: changes that were made past this server are ' +
    'not listed. Operations of a destroyed node are kept as long as all others.',
  getOperation:
    'Reads the store of this server, not the cloud. With `wait` the answer comes when the operation ' +
    'ends or the time is over; `finished_at` tells which. An operation survives a restart of the server.',
  listDrivers:
    'The kinds of clouds that this server can connect to, also those that no cloud uses. Calls no cloud.',
  getDriver: '`settings` is the JSON Schema of one entry under `clouds` of the settings file; ' +
    '`create_options` is that of `provider_options` of a create. Both suit a generated form. Calls no cloud.',
  getLiveness:
    'Answers as long as the process runs, also while it shuts down. Calls no cloud and not the store.'
}

const lower = (name: string) =>
  name.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase()

/** Describes an operation that has no description of its own: what it does at each kind of cloud, and its cost. */
export function describeOperation (operationId: string): string | undefined {
  if (own[operationId] !== undefined) return own[operationId]
  const [, verb, name] = /^(list|get)(\w+?)s?$/.exec(operationId) ?? []
  const kind = kinds[name as keyof typeof kinds] as string | undefined
  if (kind === undefined) return undefined
  return verb === 'list'
    ? `${kind} Reads one page from the cloud. The server applies the filters that the cloud cannot apply. With ` +
      '`sort` it reads the whole list. If the cloud fails, the request fails.'
    : `${kind} Reads it from the cloud, never from a cache. If it is gone, the answer is 404; a ${
      lower(name!)
    } of ` +
      'another account may be hidden in the same way.'
}
