"""Stands for the L2 and L3 agents of each fake hypervisor: it reports them
alive and says that ports, routers and floating addresses are wired.
"""
import eventlet
eventlet.monkey_patch()
import os, sys
sys.argv[0] = 'neutron-lab-agent'
from neutron.common import config as common_config
from neutron.agent import rpc as agent_rpc
from neutron.conf.agent import common as agent_config
from neutron_lib import context, rpc as n_rpc
from neutron_lib.agent import topics
from oslo_config import cfg
from oslo_log import log
import oslo_messaging

common_config.register_common_config_options()
agent_config.register_agent_state_opts_helper(cfg.CONF)
common_config.init(sys.argv[1:])
common_config.setup_logging()
LOG = log.getLogger('lab-agent')
HOSTS = os.environ.get('OSLAB_HOSTS', 'lab-node1').split(',')
CTX = context.get_admin_context_without_session()
plugin = agent_rpc.PluginApi(topics.PLUGIN)
reports = agent_rpc.PluginReportStateAPI(topics.REPORTS)
l3 = n_rpc.get_client(oslo_messaging.Target(topic=topics.L3PLUGIN, version='1.0'))


def port_up(port_id, host):
    try:
        plugin.get_device_details(CTX, port_id, 'lab-agent-' + host, host)
        plugin.update_device_up(CTX, port_id, 'lab-agent-' + host, host)
    except Exception:
        LOG.exception('port %s on %s', port_id, host)


class L2(object):
    target = oslo_messaging.Target(version='1.4')

    def port_update(self, ctx, port=None, **kw):
        host = (port or {}).get('binding:host_id')
        if host in HOSTS and port.get('status') != 'ACTIVE' and \
                port.get('binding:vif_type') not in ('unbound', 'binding_failed'):
            eventlet.spawn_n(port_up, port['id'], host)

    def _ignore(self, ctx, **kw):
        pass

    port_delete = network_update = network_delete = _ignore
    security_groups_rule_updated = security_groups_member_updated = _ignore
    security_groups_provider_updated = _ignore


def sync_routers(ids=None):
    try:
        routers = l3.prepare(version='1.1').call(
            CTX, 'sync_routers', host=HOSTS[0], router_ids=ids)
        for r in routers or []:
            st = {f['id']: 'ACTIVE' for f in r.get('_floatingips') or []}
            l3.prepare(version='1.1').call(
                CTX, 'update_floatingip_statuses', router_id=r['id'], fip_statuses=st)
    except Exception:
        LOG.exception('sync_routers %s', ids)


class L3(object):
    target = oslo_messaging.Target(version='1.4')

    def routers_updated(self, ctx, routers=None, **kw):
        eventlet.spawn_n(sync_routers, routers)

    def router_added_to_agent(self, ctx, payload=None, **kw):
        eventlet.spawn_n(sync_routers)

    def _ignore(self, ctx, *a, **kw):
        pass

    router_deleted = router_removed_from_agent = network_update = _ignore
    agent_updated = add_arp_entry = del_arp_entry = _ignore
    fipnamespace_delete_on_ext_net = _ignore


def heartbeat(first):
    for host in HOSTS:
        reports.report_state(CTX, dict(
            binary='neutron-openvswitch-agent', host=host, topic='N/A',
            agent_type='Open vSwitch agent', start_flag=first or None,
            configurations=dict(bridge_mappings={'public': 'br-ex'},
                                tunnel_types=['vxlan'], tunneling_ip='127.0.0.1',
                                datapath_type='system', ovs_hybrid_plug=False,
                                integration_bridge='br-int')), use_call=True)
    reports.report_state(CTX, dict(
        binary='neutron-l3-agent', host=HOSTS[0], topic=topics.L3_AGENT,
        agent_type='L3 agent', start_flag=first or None,
        configurations=dict(agent_mode='legacy', handle_internal_only_routers=True,
                            interface_driver='openvswitch', routers=0)), use_call=True)


def main():
    conn = agent_rpc.create_consumers(
        [L2()], topics.AGENT,
        [[topics.PORT, topics.UPDATE], [topics.PORT, topics.DELETE],
         [topics.NETWORK, topics.UPDATE], [topics.NETWORK, topics.DELETE],
         [topics.SECURITY_GROUP, topics.UPDATE]])
    l3conn = n_rpc.Connection()
    l3conn.create_consumer(topics.L3_AGENT, [L3()], fanout=False)
    l3conn.create_consumer(topics.L3_AGENT, [L3()], fanout=True)
    l3conn.consume_in_threads()
    first = True
    while True:
        try:
            heartbeat(first)
            if first:
                sync_routers()
                for host in HOSTS:
                    for p in plugin.get_ports_by_vnic_type_and_host(CTX, 'normal', host) or []:
                        if p.get('status') != 'ACTIVE':
                            port_up(p['id'], host)
            first = False
            LOG.info('heartbeat ok')
            delay = 20
        except Exception as e:
            LOG.warning('heartbeat: %s', e)
            delay = 1
        eventlet.sleep(delay)


main()
