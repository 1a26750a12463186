"""Writes the expected states of the nodes in Libcloud's recorded answers. It reads the recorded files themselves, and
gives each status the meaning that the provider documents: it uses neither Libcloud's drivers nor those of this server.

    expected.py FIXTURES     prints expected-states.json; FIXTURES is libcloud/test/compute/fixtures
"""
import json
import os
import sys
import xml.etree.ElementTree as xml

fixtures = sys.argv[1]


def load(name):
    with open(os.path.join(fixtures, name), encoding='utf-8') as file:
        return file.read()


def documents(*names):
    return [json.loads(load(name)) for name in names]


def elements(tag, *names):
    """Returns the elements of a name, without namespaces."""
    found = []
    for name in names:
        root = xml.fromstring(load(name))
        for one in root.iter():
            one.tag = one.tag.split('}')[-1]
        found += [one for one in root.iter() if one.tag == tag]
    return found


def text(element, path):
    return element.findtext(path).strip()


CLOUDSTACK = {'Running': 'running', 'Starting': 'starting'}, 'CloudStack: listVirtualMachines, state'


def cloudstack(folder='cloudstack'):
    # The recorded file has numbers or UUIDs as ids.
    (answer,) = documents(f'{folder}/listVirtualMachines_default.json')
    return {str(one['id']): one['state'] for one in answer['listvirtualmachinesresponse']['virtualmachine']}


def ec2():
    return {text(one, 'instanceId'): text(one, 'instanceState/name') for item in elements('instancesSet', 'ec2/describe_instances.xml')
            for one in item.findall('item')}


EC2 = {'stopped': 'stopped'}, 'Amazon EC2 API: InstanceState'


def dimensiondata():
    # The file has one id several times. A list has each id once; the last counts.
    found = {}
    for one in elements('server', 'dimensiondata/server_server.xml'):
        # The state is about changes; whether the server runs is a member of its own.
        started, state = text(one, 'started') == 'true', text(one, 'state')
        found[one.get('id')] = f'{"started" if started else "not started"}, {state}' if state == 'NORMAL' else \
            f'{state}, {one.findtext("progress/action")}'
    return found


DIMENSIONDATA = {
    'started, NORMAL': 'running', 'not started, NORMAL': 'stopped', 'PENDING_ADD, DEPLOY_SERVER_WITH_DISK_SPEED': 'pending',
    'PENDING_CHANGE, SHUTDOWN_SERVER': 'stopping',
}, 'Dimension Data CloudControl API 2: server, started and state (a change is named by progress/action)'


def opennebula(folder, *others):
    names = [f'{others[0] if others and n != 25 else folder}/compute_{n}.xml' for n in (5, 15, 25)]
    return {text(one, 'ID'): text(one, 'STATE') for one in elements('COMPUTE', *names)}


OPENNEBULA = {'ACTIVE': 'running', 'none': 'unknown'}, 'OpenNebula OCCI: COMPUTE, STATE ("none" is no state)'


def nova(name='openstack_v1_1/_servers_detail.json'):
    return {one['id']: one['status'] for one in documents(name)[0]['servers']}


def nova_xml():
    return {one.get('id'): one.get('status') for one in elements('server', 'openstack/v1_slug_servers_detail.xml')}


NOVA = {'ACTIVE': 'running', 'BUILD': 'pending'}, 'OpenStack Compute API: server status'


def gandi():
    found = {}
    for one in elements('struct', 'gandi/vm_list.xml'):
        members = {text(member, 'name'): ''.join(member.find('value').itertext()).strip() for member in one.findall('member')}
        if 'state' in members:
            found[members['id']] = members['state']
    return found


def cloudsigma_1():
    lines = [line.split(' ', 1) for line in load('cloudsigma/servers_info.txt').splitlines() if ' ' in line]
    values = dict(lines)
    return {values['server']: values['status']}


CLOUDSIGMA = {'active': 'running', 'running': 'running', 'stopped': 'stopped'}, 'CloudSigma API 1.0 and 2.0: server status'


def vcloud():
    names = [f'vcloud_1_5/api_vApp_vapp_8c57a5b6_e61b_48ca_8a78_3b70ee65ef6{end}.xml' for end in 'ab']
    return {one.get('href'): one.get('status') for one in elements('VApp', *names)}


VCLOUD = {'4': 'running'}, 'vCloud API: status of a vApp, 4 is POWERED_ON'


def vultr_2():
    found = {one['id']: f"{one['status']}, {one['power_status']}" for one in documents('vultr_v2/list_nodes.json')[0]['instances']}
    (metal,) = documents('vultr_v2/ex_list_bare_metal_nodes.json')
    return {**found, **{one['id']: one['status'] for one in metal['bare_metals']}}


VULTR = {'active, running': 'running', 'pending, running': 'pending', 'pending': 'pending'}, \
    'Vultr API: status (of the subscription) and power_status (of the machine)'


def kubevirt():
    found = {}
    for name in ('default', 'kube_node_lease', 'kube_public', 'kube_system'):
        for one in documents(f'kubevirt/get_{name}_vms.json')[0]['items']:
            found[one['metadata']['uid']] = f"running: {one['spec']['running']}, ready: {one['status'].get('ready')}"
    return found


def onapp():
    return {one['virtual_machine']['identifier']: ', '.join(
        name for name in ('built', 'booted', 'suspended') if one['virtual_machine'][name])
        for one in documents('onapp/list_nodes.json')[0]}


def pairs(name, get, id, status):
    return lambda: {str(one[id]): str(one[status]) for one in get(documents(name)[0])}


# Class of Libcloud → how to read its recorded file, and the documented meaning of each status in it with its source.
EXPECTED = {
    'AbiquoNodeDriver': (
        lambda: {text(one, 'nodeId'): text(one, 'state') for one in elements(
            'virtualMachine', 'abiquo/vdc_4_vapp_5_vms.xml', 'abiquo/vdc_4_vapp_6_vms.xml')},
        ({'NOT_ALLOCATED': 'stopped'}, 'Abiquo API: VirtualMachineState, NOT_ALLOCATED is on no host and can be deployed')),
    **dict.fromkeys(['AuroraComputeNodeDriver', 'CloudStackNodeDriver', 'ExoscaleNodeDriver', 'IkoulaNodeDriver'],
                    (cloudstack, CLOUDSTACK)),
    'KTUCloudNodeDriver': (lambda: cloudstack('ktucloud'), CLOUDSTACK),
    'BrightboxNodeDriver': (pairs('brightbox/list_servers.json', lambda found: found, 'id', 'status'),
                            ({'active': 'running'}, 'Brightbox API 1.0: server status')),
    'CloudSigmaZrhNodeDriver': (cloudsigma_1, CLOUDSIGMA),
    'CloudSigma_1_0_NodeDriver': (cloudsigma_1, CLOUDSIGMA),
    'CloudSigma_2_0_NodeDriver': (pairs('cloudsigma_2_0/servers_detail_mixed_state.json', lambda found: found['objects'], 'uuid', 'status'),
                                  CLOUDSIGMA),
    'CloudscaleNodeDriver': (pairs('cloudscale/list_nodes.json', lambda found: found, 'uuid', 'status'),
                             ({'running': 'running'}, 'cloudscale.ch API v1: server status')),
    'DigitalOcean_v2_NodeDriver': (pairs('digitalocean_v2/list_nodes.json', lambda found: found['droplets'], 'id', 'status'),
                                   ({'active': 'running'}, 'DigitalOcean API v2: droplet status')),
    **dict.fromkeys(['DimensionDataNodeDriver', 'InternetSolutionsNodeDriver', 'NTTAmericaNodeDriver'], (dimensiondata, DIMENSIONDATA)),
    **dict.fromkeys(['EC2NodeDriver', 'EucNodeDriver', 'NimbusNodeDriver', 'OutscaleSASNodeDriver'], (ec2, EC2)),
    'ECSDriver': (lambda: {text(one, 'InstanceId'): text(one, 'Status') for one in elements('Instance', 'ecs/describe_instances.xml')},
                  ({'Starting': 'starting'}, 'Alibaba Cloud ECS API: DescribeInstances, Status')),
    'EquinixMetalNodeDriver': (pairs('equinixmetal/devices_for_project.json', lambda found: found['devices'], 'id', 'state'),
                               ({'active': 'running'}, 'Equinix Metal API: device state')),
    'GCENodeDriver': (pairs('gce/zones_us-central1-a_instances.json', lambda found: found['items'], 'id', 'status'),
                      ({'RUNNING': 'running'}, 'Compute Engine API: instance status')),
    'GandiNodeDriver': (gandi, ({'running': 'running', 'halted': 'stopped'}, 'Gandi hosting API: vm.list, state')),
    'GridscaleNodeDriver': (lambda: {id: f"power: {one['power']}" for id, one in documents('gridscale/list_nodes.json')[0]['servers'].items()},
                            ({'power: False': 'stopped'}, 'gridscale API: server, power (its status is that of the contract)')),
    **dict.fromkeys(['KamateraNodeDriver', 'KamateraTestDriver'], (
        pairs('kamatera/servers.json', lambda found: found, 'id', 'power'), ({'on': 'running'}, 'Kamatera API: server power'))),
    'KubeVirtNodeDriver': (kubevirt, ({'running: True, ready: True': 'running'}, 'KubeVirt API: spec.running and status.ready')),
    'LinodeNodeDriverV3': (pairs('linode/_linode_list.json', lambda found: found['DATA'], 'LINODEID', 'STATUS'),
                           ({'1': 'running'}, 'Linode API v3: linode.list, STATUS 1 is running')),
    'LinodeNodeDriverV4': (pairs('linode_v4/list_nodes.json', lambda found: found['data'], 'id', 'status'),
                           ({'running': 'running'}, 'Linode API v4: instance status')),
    'OnAppNodeDriver': (onapp, ({'built, booted': 'running'}, 'OnApp API: virtual machine, built, booted and suspended')),
    'OpenNebula_1_4_NodeDriver': (lambda: opennebula('opennebula_1_4'), OPENNEBULA),
    **{f'OpenNebula_{version}_NodeDriver': (lambda: opennebula('opennebula_2_0'), OPENNEBULA) for version in ('2_0', '3_0', '3_2', '3_8')},
    'OpenNebula_3_6_NodeDriver': (lambda: opennebula('opennebula_2_0', 'opennebula_3_6'), OPENNEBULA),
    'OpenStack_1_0_NodeDriver': (nova_xml, NOVA),
    'RackspaceFirstGenNodeDriver': (nova_xml, NOVA),
    **dict.fromkeys(['OpenStack_1_1_NodeDriver', 'OpenStack_2_NodeDriver', 'RackspaceNodeDriver'], (nova, NOVA)),
    'RimuHostingNodeDriver': (pairs('rimuhosting/r_orders.json', lambda found: found['get_orders_response']['about_orders'],
                                    'slug', 'running_state'), ({'RUNNING': 'running'}, 'RimuHosting API: order, running_state')),
    'ScalewayNodeDriver': (pairs('scaleway/list_nodes.json', lambda found: found['servers'], 'id', 'state'),
                           ({'running': 'running'}, 'Scaleway Instance API: server state')),
    'TerremarkDriver': (lambda: {one.get('href'): one.get('status') for one in elements('VApp', 'terremark/api_v0_8_vapp_14031_get.xml')},
                        ({'4': 'running'}, 'vCloud API 0.8: status of a vApp, 4 is POWERED_ON')),
    'UpcloudDriver': (pairs('upcloud/api_1_2_server.json', lambda found: found['servers']['server'], 'uuid', 'state'),
                      ({'started': 'running'}, 'UpCloud API 1.2: server state')),
    **dict.fromkeys(['VCloud_1_5_NodeDriver', 'VCloud_5_1_NodeDriver', 'VCloud_5_5_NodeDriver'], (vcloud, VCLOUD)),
    'VSphere_REST_NodeDriver': (pairs('vsphere/list_nodes.json', lambda found: found['value'], 'vm', 'power_state'),
                                ({'POWERED_ON': 'running'}, 'vSphere Automation API: VM power state')),
    'VultrNodeDriverV1': (lambda: {id: f"{one['status']}, {one['power_status']}" for id, one in documents('vultr/list_nodes.json')[0].items()},
                          VULTR),
    'VultrNodeDriverV2': (vultr_2, VULTR),
}


def main():
    result = {}
    for name, (read, (meanings, source)) in EXPECTED.items():
        nodes = {id: [status, meanings[status]] for id, status in read().items()}
        if not nodes:
            raise ValueError(f'{name}: the recorded file has no nodes')
        result[name] = {'source': source, 'nodes': nodes}
    print(json.dumps(result, indent=2))


main()
