"""Service users, catalog and demo data, over the public APIs only:

    seed.py identity|healthy|demo
"""
import os
import sys
import time

from keystoneauth1 import session
from keystoneauth1.identity import v3
E = os.environ
URL = E['AUTH_URL']


def sess(user, password, project):
    return session.Session(v3.Password(URL, username=user, password=password,
                                       project_name=project,
                                       user_domain_id='default',
                                       project_domain_id='default'))


admin = sess('admin', E['ADMIN_PASS'], 'admin')


class Api(object):
    def __init__(self, s, type_, mv=None):
        self.s, self.f, self.mv = s, dict(service_type=type_, interface='public',
                                          region_name='RegionOne'), mv

    def __call__(self, method, path, body=None, **kw):
        h = dict(kw.pop('headers', {}))
        if self.mv:
            h['OpenStack-API-Version'] = 'compute ' + self.mv
        r = self.s.request(self.base() + path, method, json=body, headers=h, raise_exc=False, **kw)
        if r.status_code >= 400:
            raise RuntimeError('%s %s: %s %s' % (method, path, r.status_code, r.text))
        return r.json() if r.content and 'json' in r.headers.get('Content-Type', '') else None

    def base(self):
        if self.f['service_type'] == 'identity':
            return URL
        u = self.s.get_endpoint(**self.f).rstrip('/')
        return {'network': u + '/v2.0', 'image': u + '/v2'}.get(self.f['service_type'], u)


def ensure(api, path, plural, singular, name, body=None, query=''):
    for o in api('GET', '%s?name=%s%s' % (path, name, query))[plural]:
        if o['name'] == name:
            return o
    return api('POST', path, {singular: dict(body or {}, name=name)})[singular]


def identity():
    k = Api(admin, 'identity')
    role = {n: ensure(k, '/roles', 'roles', 'role', n)['id']
            for n in ('admin', 'member', 'reader', 'service')}
    proj = {n: ensure(k, '/projects', 'projects', 'project', n, {'domain_id': 'default'})['id']
            for n in ('service', 'demo', 'tight')}

    def user(name, password, project, roles):
        u = ensure(k, '/users', 'users', 'user', name,
                   {'domain_id': 'default', 'password': password,
                    'default_project_id': proj[project]})
        for r in roles:
            k('PUT', '/projects/%s/users/%s/roles/%s' % (proj[project], u['id'], role[r]))
        return u
    for n in ('nova', 'neutron', 'cinder', 'glance', 'placement'):
        user(n, E['SVC_PASS'], 'service', ('admin', 'service'))
    user('demo', E['DEMO_PASS'], 'demo', ('member', 'reader'))
    user('tight', E['DEMO_PASS'], 'tight', ('member', 'reader'))
    h = 'http://127.0.0.1:'
    have = {(s['type']): s['id'] for s in k('GET', '/services')['services']}
    eps = {(e['service_id'], e['interface']) for e in k('GET', '/endpoints')['endpoints']}
    for type_, name, url in (
            ('image', 'glance', h + E['P_GLANCE']),
            ('placement', 'placement', h + E['P_PLACEMENT']),
            ('compute', 'nova', h + E['P_NOVA'] + '/v2.1'),
            ('network', 'neutron', h + E['P_NEUTRON']),
            ('volumev3', 'cinderv3', h + E['P_CINDER'] + '/v3/%(project_id)s'),
            ('block-storage', 'cinder', h + E['P_CINDER'] + '/v3/%(project_id)s')):
        sid = have.get(type_) or k('POST', '/services', {'service': {
            'type': type_, 'name': name}})['service']['id']
        for i in ('public', 'internal', 'admin'):
            if (sid, i) not in eps:
                k('POST', '/endpoints', {'endpoint': {
                    'service_id': sid, 'interface': i, 'url': url, 'region_id': 'RegionOne'}})


def wait(what, fn, secs=120):
    end = time.time() + secs
    err = None
    while time.time() < end:
        try:
            if fn():
                return
        except Exception as e:
            err = e
        time.sleep(0.5)
    sys.exit('timed out: %s (%s)' % (what, err))


def healthy():
    n = Api(admin, 'compute')
    c = Api(admin, 'volumev3')
    q = Api(admin, 'network')
    computes = int(E['COMPUTES'])

    def nova_ok():
        s = [x['binary'] for x in n('GET', '/os-services')['services'] if x['state'] == 'up']
        return 'nova-scheduler' in s and 'nova-conductor' in s and s.count('nova-compute') >= computes

    def cinder_ok():
        s = [x['binary'] for x in c('GET', '/os-services')['services'] if x['state'] == 'up']
        return 'cinder-scheduler' in s and 'cinder-volume' in s

    def neutron_ok():
        return sum(a['alive'] for a in q('GET', '/agents')['agents']) >= computes + 1
    wait('nova services', nova_ok)
    wait('neutron agents', neutron_ok)
    wait('cinder services', cinder_ok)
    # discovered by the scheduler and known to placement
    wait('hypervisors', lambda: len(n('GET', '/os-hypervisors')['hypervisors']) >= computes)
    p = Api(admin, 'placement')
    wait('placement inventories', lambda: len(p('GET', '/resource_providers')['resource_providers']) >= computes)


def demo():
    k = Api(admin, 'identity')
    an, ai, aq = Api(admin, 'compute'), Api(admin, 'image'), Api(admin, 'network')
    d = sess('demo', E['DEMO_PASS'], 'demo')
    n, q = Api(d, 'compute', '2.1'), Api(d, 'network')
    have = {f['name'] for f in an('GET', '/flavors?is_public=None')['flavors']}
    for name, fid, ram, cpu, disk in (('m1.tiny', '1', 512, 1, 1), ('m1.small', '2', 2048, 1, 20),
                                      ('m1.medium', '3', 4096, 2, 40),
                                      ('m1.impossible', '99', 4000000, 1, 1)):
        if name not in have:
            an('POST', '/flavors', {'flavor': {'name': name, 'id': fid, 'ram': ram,
                                               'vcpus': cpu, 'disk': disk}})
    imgs = ai('GET', '/images?name=cirros-fake')['images']
    img = imgs[0] if imgs else ai('POST', '/images', {
        'name': 'cirros-fake', 'disk_format': 'raw', 'container_format': 'bare',
        'visibility': 'public', 'min_disk': 0, 'min_ram': 0})
    if img['status'] == 'queued':
        ai('PUT', '/images/%s/file' % img['id'], data=b'\0' * 4096,
           headers={'Content-Type': 'application/octet-stream'})
    pub = ensure(aq, '/networks', 'networks', 'network', 'public', {
        'router:external': True, 'provider:network_type': 'flat',
        'provider:physical_network': 'public'})
    ensure(aq, '/subnets', 'subnets', 'subnet', 'public-subnet', {
        'network_id': pub['id'], 'cidr': '203.0.113.0/24', 'ip_version': 4,
        'enable_dhcp': False, 'gateway_ip': '203.0.113.1'})
    net = ensure(q, '/networks', 'networks', 'network', 'private')
    sub = ensure(q, '/subnets', 'subnets', 'subnet', 'private-subnet', {
        'network_id': net['id'], 'cidr': '10.0.0.0/22', 'ip_version': 4})
    rt = ensure(q, '/routers', 'routers', 'router', 'router1',
                {'external_gateway_info': {'network_id': pub['id']}})
    if not [p for p in q('GET', '/ports?device_id=' + rt['id'])['ports']
            if p['device_owner'] == 'network:router_interface']:
        q('PUT', '/routers/%s/add_router_interface' % rt['id'], {'subnet_id': sub['id']})
    sg = ensure(q, '/security-groups', 'security_groups', 'security_group', 'web')
    ports = {r.get('port_range_min') for r in q('GET', '/security-group-rules?security_group_id=' + sg['id'])['security_group_rules']}
    for port in (22, 80):
        if port not in ports:
            q('POST', '/security-group-rules', {'security_group_rule': {
                'security_group_id': sg['id'], 'direction': 'ingress', 'protocol': 'tcp',
                'port_range_min': port, 'port_range_max': port, 'ethertype': 'IPv4',
                'remote_ip_prefix': '0.0.0.0/0'}})
    if 'demo-key' not in [x['keypair']['name'] for x in n('GET', '/os-keypairs')['keypairs']]:
        n('POST', '/os-keypairs', {'keypair': {'name': 'demo-key',
                                               'public_key': open(E['PUBKEY']).read().strip()}})
    # `tight`: a project in which the second server is refused with 403
    tid = k('GET', '/projects?name=tight')['projects'][0]['id']
    an('PUT', '/os-quota-sets/' + tid, {'quota_set': {'instances': 1, 'cores': 1, 'force': True}})
    tq = Api(sess('tight', E['DEMO_PASS'], 'tight'), 'network')
    net = ensure(tq, '/networks', 'networks', 'network', 'tight-net', query='&tenant_id=' + tid)
    # without a subnet no security group can be applied, and no server built
    ensure(tq, '/subnets', 'subnets', 'subnet', 'tight-subnet', {
        'network_id': net['id'], 'cidr': '10.1.0.0/24', 'ip_version': 4})


{'identity': identity, 'healthy': healthy, 'demo': demo}[sys.argv[1]]()
