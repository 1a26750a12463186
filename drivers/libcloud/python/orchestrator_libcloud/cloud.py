"""The methods of the protocol on a driver of Libcloud."""
import contextlib
import datetime
import inspect
import json
import time

import libcloud
from libcloud.compute.base import NodeAuthPassword, NodeAuthSSHKey
from libcloud.compute.providers import get_driver
from libcloud.pricing import DEFAULT_PRICING_FILE_PATH

from . import facts, mapping, states
from .errors import Problem, invalid, not_found
from .introspect import (capabilities, class_for, constructor, create_parameters, field_parameter, find, has, is_required,
                         provider_of, signature, tag_methods, takes)
from .walks import Walks

# Seconds for which images, sizes and locations are kept for creates, and nodes for actions.
CATALOG_AGE = 600
NODE_AGE = 60

CREDENTIALS = (('user_id', 'secret'), ('username', 'password'), ('user_id', 'key'), ('subscription_id', 'key_file'))

IDS = r'^(?!\.{1,2}$)[^\p{Cc}]{1,255}$'


class Catalog:
    """Objects of Libcloud by id, for a while."""

    def __init__(self, age):
        self.age = age
        self.items = {}

    def put(self, things):
        now = time.monotonic()
        self.items = {id: one for id, one in self.items.items() if one[0] > now - self.age}
        self.items.update((mapping.id_of(thing), (now, thing)) for thing in things)

    def get(self, id):
        born, thing = self.items.get(id, (0, None))
        return thing if born > time.monotonic() - self.age else None


class Cloud:
    """One account. `describe` makes its class known; each worker has a driver of its own."""

    def __init__(self, params, driver=None):
        settings = params['settings']
        self.provider = settings.get('provider')
        self.settings = settings
        self.given = driver
        self.cls = type(driver) if driver is not None else self.find_class()
        if driver is not None:
            self.provider = self.provider or provider_of(self.cls)
        states.trace_tables(self.cls)
        self.walks = Walks()
        self.known_date = None
        self.catalogs = {'images': Catalog(CATALOG_AGE), 'sizes': Catalog(CATALOG_AGE), 'locations': Catalog(CATALOG_AGE),
                         'nodes': Catalog(NODE_AGE)}
        self.capabilities = capabilities(self.cls, self.provider)
        self.max_workers = 1 if self.provider in facts.IN_MEMORY or driver is not None else 8

    def find_class(self):
        arguments = self.settings.get('arguments') or {}
        try:
            return class_for(self.provider, arguments)
        except AttributeError:
            raise Problem('internal_error', f'Libcloud {libcloud.__version__} has no provider "{self.provider}"',
                          hint='GET /api/v2/drivers/libcloud lists the providers. Correct `provider` in the settings.')
        except ImportError as error:
            raise Problem('internal_error', f"Libcloud's driver of {self.provider} cannot be loaded: {error}",
                          hint='Install what it needs: orchestrator install libcloud --with PACKAGE')

    def arguments(self):
        """Returns the arguments of the constructor, by their names."""
        known = {one['name']: one for one in constructor(self.cls)}
        # The pair of credentials, as the constructor names them.
        first, second = next((pair for pair in CREDENTIALS if all(known.get(one, {}).get('own') for one in pair)),
                             ('key', 'secret'))
        names = {'key': (first, 'key', 'creds', 'uri'), 'secret': (second,), 'region': ('region', 'datacenter')}
        found = dict(self.settings.get('arguments') or {})
        open_names = any(value.kind == value.VAR_KEYWORD
                         for value in inspect.signature(self.cls.__init__).parameters.values())
        for setting, places in names.items():
            value = self.settings.get(setting)
            place = next((one for one in places if one in known and one not in found), None)
            if value is not None and place is not None:
                found[place] = value
        unknown = [name for name in found if name not in known and not open_names]
        missing = [one['name'] for one in known.values() if one['required'] and one['name'] not in found]
        if unknown or missing:
            words = [f'the constructor has no argument {name}' for name in unknown] + [f'{name} is required' for name in missing]
            raise Problem('internal_error', f"The settings do not fit Libcloud's driver of {self.provider}: {'; '.join(words)}",
                          hint='key, secret, region and arguments are those of the constructor: '
                               f'GET /api/v2/drivers/libcloud/providers/{self.provider}')
        return found

    def price_date(self):
        """Returns the day and the source of the prices: today for those of an API, otherwise that of Libcloud's table."""
        if self.provider in ('digitalocean', 'linode'):
            return datetime.date.today().isoformat(), "The provider's API, by Apache Libcloud"
        if self.provider not in facts.PRICES:
            return None
        if self.known_date is not None:
            return self.known_date
        with open(DEFAULT_PRICING_FILE_PATH) as file:
            day = datetime.datetime.fromtimestamp(json.load(file)['updated'], datetime.timezone.utc).date()
        self.known_date = day.isoformat(), f'The price table of Apache Libcloud {libcloud.__version__}'
        return self.known_date

    def describe(self):
        if self.given is None:
            self.arguments()
        return {
            'name': f'libcloud-{self.provider}', 'contract_version': 1,
            'ids': {name.split('.')[0]: IDS for name in self.capabilities},
            'capabilities': self.capabilities,
            'location': self.settings.get('region'),
        }

    def connect(self):
        if self.given is not None:
            return self.given
        arguments = self.arguments()
        # The class of the table: some choose the version of their API by the arguments.
        return get_driver(self.provider)(**arguments)

    def refresh(self):
        self.walks.clear()
        for catalog in self.catalogs.values():
            catalog.items.clear()

    def run(self, driver, method, params):
        """Runs a method of the protocol. Raises Problem, or any exception of Libcloud."""
        try:
            return Call(self, driver).run(method, params)
        except Exception as error:
            note = facts.GONE.get(self.provider)
            if note is None or isinstance(error, Problem):
                raise
            from .errors import to_problem
            problem = to_problem(error, method)
            problem.data['hint'] = f'{note}.'
            raise problem from error


LISTS = {'images': ('list_images', mapping.image), 'locations': ('list_locations', mapping.location),
         'key_pairs': ('list_key_pairs', mapping.key_pair), 'volumes': ('list_volumes', mapping.volume)}
KINDS = {'nodes': 'node', 'images': 'image', 'volumes': 'volume', 'snapshots': 'snapshot'}


def change(service, id, *ends, gone=False):
    return {'resources': [{'kind': KINDS[service], 'id': str(id)}], 'until': {'states': list(ends), **({'gone': True} if gone else {})}}


@contextlib.contextmanager
def before_change():
    """Marks the errors of a block: they are of reads before a change, so the change was not sent."""
    try:
        yield
    except Exception as error:
        error.changed_nothing = True
        raise


def accepted(result, what):
    """Some drivers return False where the cloud refused."""
    if result is False:
        raise Problem('provider_rejected', f'The cloud refused to {what}: the driver of Libcloud gives no reason')
    return result


class Call:
    """One call on the driver of a worker."""

    def __init__(self, cloud, driver):
        self.cloud = cloud
        self.driver = driver
        self.cls = cloud.cls
        self.provider = cloud.provider

    def run(self, method, params):
        service, _, name = method.partition('.')
        if method == 'check':
            return self.check()
        if name == 'list':
            # The raw fields are large, and are asked for rarely.
            mapping.raw_fields.wanted = params['query'].get('extra', False)
            return self.cloud.walks.page(params['query'], lambda: (self.show(service, one) for one in self.things(service)))
        mapping.raw_fields.wanted = (params.get('options') or {}).get('extra', True)
        if name == 'get':
            return self.show(service, self.thing(service, params['id']))
        handler = getattr(self, f'{service}_{name}', None)
        if handler is None:
            handler = lambda params: self.verb(name, params)  # noqa: E731
        return handler(params)

    def check(self):
        # A list of what is small; the nodes themselves if there is nothing else.
        for name in ('list_locations', 'list_key_pairs', 'list_sizes', 'list_nodes'):
            if has(self.cls, name) and takes(self.cls, name):
                getattr(self.driver, name)()
                return None
        return None

    # Reading

    def things(self, service):
        """Returns all resources of a service, as objects of Libcloud."""
        if service == 'nodes':
            found = list(self.nodes())
        elif service == 'sizes':
            found = list(self.with_location('list_sizes'))
        elif service == 'images':
            found = list(self.with_location('list_images'))
        elif service in LISTS:
            found = list(getattr(self.driver, LISTS[service][0])())
        elif service == 'networks':
            found = list(getattr(self.driver, find(self.cls, 'list_networks'))())
        elif service == 'security_groups':
            found = list(getattr(self.driver, find(self.cls, 'list_groups'))())
        else:
            found = list(self.snapshots())
        found = [one for one in found if isinstance(one, (str, dict)) or getattr(one, 'id', getattr(one, 'name', None)) is not None]
        if service in self.cloud.catalogs:
            self.cloud.catalogs[service].put(found)
        return found

    def with_location(self, name):
        """Some drivers list sizes or images of a location only."""
        parameters = signature(self.cls, name).parameters
        if 'location' in parameters and is_required(parameters['location']):
            return getattr(self.driver, name)(self.default_location())
        return getattr(self.driver, name)()

    def default_location(self):
        region = self.cloud.settings.get('region')
        with before_change():
            found = self.things('locations')
        return next((one for one in found if region in (str(one.id), one.name)), found[0] if found else None)

    def nodes(self):
        if self.provider == 'libvirt':
            # The id of a domain changes with each start. Its UUID does not.
            found = self.driver.list_nodes()
            for one in found:
                one.id = str(mapping.extra_of(one).get('uuid') or one.uuid)
            return found
        if takes(self.cls, 'list_nodes'):
            return self.driver.list_nodes()
        if has(self.cls, 'ex_list_cloud_services'):  # Azure's classic services
            services = self.driver.ex_list_cloud_services()
            return [node for one in services for node in self.driver.list_nodes(one.service_name)]
        return self.driver.list_nodes()

    def snapshots(self):
        whole = find(self.cls, 'list_snapshots')
        if whole is not None:
            return getattr(self.driver, whole)()
        return [self.of_volume(one, volume) for volume in self.driver.list_volumes()
                for one in self.driver.list_volume_snapshots(volume)]

    def of_volume(self, snapshot, volume):
        snapshot.orchestrator_volume = str(volume.id)
        return snapshot

    def show(self, service, thing):
        if service == 'nodes':
            return mapping.node(thing, self.provider)
        if service == 'sizes':
            return mapping.size(thing, self.provider, self.cloud.price_date())
        if service == 'snapshots':
            return mapping.snapshot(thing, getattr(thing, 'orchestrator_volume', None))
        if service == 'networks':
            return mapping.network(thing)
        if service == 'security_groups':
            return mapping.security_group(thing)
        return LISTS[service][1](thing)

    def thing(self, service, id):
        """Returns one resource as an object of Libcloud. Raises resource_not_found."""
        direct = {'nodes': find(self.cls, 'get_node', object()), 'images': 'get_image', 'key_pairs': 'get_key_pair',
                  'volumes': find(self.cls, 'get_volume', object())}.get(service)
        # Drivers put the id into a path. The list finds ids that would lead elsewhere.
        is_plain = not any(part in id for part in ('/', '..', '?', '#', '%'))
        if direct is not None and is_plain and has(self.cls, direct) and takes(self.cls, direct, object()):
            try:
                found = getattr(self.driver, direct)(id)
                if found is not None and str(getattr(found, 'name' if service == 'key_pairs' else 'id', None)) == id:
                    if service in self.cloud.catalogs:
                        self.cloud.catalogs[service].put([found])
                    return found
            except Exception:  # whatever the driver does with an unknown id: the list decides
                pass
        for one in self.things(service):
            if self.show(service, one)['id'] == id:
                return one
        raise not_found(KINDS.get(service, service[:-1].replace('_', ' ')), id)

    def read(self, service, id):
        """Returns one resource before a change. An error of this says that nothing was changed."""
        with before_change():
            return self.thing(service, id)

    def known(self, service, id):
        """Returns a resource that was seen a moment ago, or reads it before a change."""
        return self.cloud.catalogs[service].get(id) or self.read(service, id)

    def chosen(self, service, id, pointer):
        """Returns the resource that a field of a request names. Raises validation_failed."""
        try:
            return self.known(service, id) if service in self.cloud.catalogs else self.read(service, id)
        except Problem as error:
            if error.data['code'] != 'resource_not_found':
                raise
            raise invalid(pointer, str(error))

    # Nodes

    def nodes_create(self, params):
        given, operation = params['input'], params['call']['operation']
        parameters = create_parameters(self.cls)
        values = {}
        if 'name' in parameters:
            values['name'] = given['name']
        if 'image' in parameters:
            values['image'] = self.chosen('images', given['image_id'], '/image_id')
        if 'size' in parameters:
            values['size'] = self.chosen('sizes', given['size_id'], '/size_id')
        for field in facts.CREATE:
            name = field_parameter(parameters, field)
            if name is not None and given.get(field) is not None:
                values[name] = self.create_value(field, name, given[field])
        tags = field_parameter(parameters, 'tags')
        if tags is not None and operation:
            values[tags] = self.tag_value(tags, {**(given.get('tags') or {}), mapping.OPERATION: operation})
        if 'auth' in parameters and given.get('key_pair_name') is not None and field_parameter(parameters, 'key_pair_name') is None:
            key = self.chosen('key_pairs', given['key_pair_name'], '/key_pair_name').public_key
            if not key:
                raise invalid('/key_pair_name', 'The cloud does not show the public key of this key pair')
            values['auth'] = NodeAuthSSHKey(key)
        options = (given.get('provider_options') or {}).get('libcloud') or {}
        for name, value in options.items():
            if name not in parameters or name in values:
                raise invalid(f'/provider_options/libcloud/{name}', 'is no parameter of create_node, or a field of the request')
            values[name] = self.option(name, value)
        if 'location' in parameters and 'location' not in values and is_required(parameters['location']):
            values['location'] = self.default_location()
        missing = [name for name, value in parameters.items() if is_required(value) and name not in values]
        if missing:
            raise invalid(f'/provider_options/libcloud/{missing[0]}', 'is required by this provider')
        made = self.driver.create_node(**values)
        nodes = made if isinstance(made, (list, tuple)) else [made]
        if not nodes or getattr(nodes[0], 'id', None) is None:
            raise Problem('provider_error', 'The driver of Libcloud did not say which node was made', outcome_unknown=True)
        self.cloud.catalogs['nodes'].put(nodes)
        return {'resources': [{'kind': 'node', 'id': str(one.id)} for one in nodes], 'until': {'states': ['running']}}

    def create_value(self, field, name, value):
        if field == 'availability_zone':
            return self.chosen('locations', value, '/availability_zone') if name in ('location', 'ex_location') and \
                'locations.list' in self.cloud.capabilities else value
        if field == 'networks':
            ids = [one['network_id'] for one in value if one.get('network_id')]
            found = [self.chosen('networks', id, f'/networks/{at}/network_id') for at, id in enumerate(ids)] \
                if 'networks.list' in self.cloud.capabilities else ids
            if name in facts.LISTS:
                return found
            if len(found) > 1:
                raise invalid('/networks', 'This provider takes one network')
            return found[0] if found else None
        if field == 'tags':
            return self.tag_value(name, value)
        if name in facts.LISTS and not isinstance(value, list):
            return [value]
        return value

    def tag_value(self, name, tags):
        # Scaleway has texts instead of a map.
        return [f'{key}={value}' for key, value in tags.items()] if self.provider == 'scaleway' else tags

    def option(self, name, value):
        if name == 'auth' and isinstance(value, dict):
            return NodeAuthPassword(value['password']) if 'password' in value else NodeAuthSSHKey(value.get('ssh_key', ''))
        return value

    def nodes_find_created(self, params):
        given = params['input']
        tagged = field_parameter(create_parameters(self.cls), 'tags') is not None
        nodes = self.things('nodes')
        marked = [one for one in nodes if mapping.tags_of(mapping.extra_of(one), hidden=False).get(mapping.OPERATION) == params['operation']]
        if marked:
            return [{'kind': 'node', 'id': str(one.id)} for one in marked]
        # Tags may be set after the create, so a node without any may still be it.
        since = params['since']
        found = []
        for one in nodes:
            shown = mapping.node(one, self.provider)
            same = shown['name'] == given['name'] and all(
                shown.get(field) in (None, given[field]) for field in ('image_id', 'size_id'))
            is_new = shown.get('created_at', since) >= _before(since)
            if same and is_new and not (tagged and shown.get('tags')):
                found.append({'kind': 'node', 'id': shown['id']})
        if len(found) > 1:
            raise Problem('outcome_unknown', f"{len(found)} nodes have the name {given['name']}, so it is not known which one was made")
        return found

    def nodes_destroy(self, params):
        accepted(self.driver.destroy_node(self.known('nodes', params['id'])), 'destroy the node')
        return change('nodes', params['id'], gone=True)

    def nodes_reboot(self, params):
        accepted(self.driver.reboot_node(self.known('nodes', params['id'])), 'reboot the node')
        return change('nodes', params['id'], 'running')

    def nodes_start(self, params):
        accepted(getattr(self.driver, find(self.cls, 'start_node', object()))(self.known('nodes', params['id'])), 'start the node')
        return change('nodes', params['id'], 'running')

    def nodes_stop(self, params):
        accepted(getattr(self.driver, find(self.cls, 'stop_node', object()))(self.known('nodes', params['id'])), 'stop the node')
        return change('nodes', params['id'], 'stopped')

    def verb(self, name, params):
        ends = {'pause': 'paused', 'suspend': 'suspended', 'resume': 'running', 'rescue': 'rescued', 'unrescue': 'running'}
        if name not in ends:
            raise Problem('not_supported', f'The driver cannot do {name}')
        accepted(getattr(self.driver, find(self.cls, name, object()))(self.known('nodes', params['id'])), f'{name} the node')
        return change('nodes', params['id'], ends[name])

    def nodes_resize(self, params):
        size = self.chosen('sizes', params['input']['size_id'], '/size_id')
        accepted(getattr(self.driver, find(self.cls, 'resize', object(), object()))(self.known('nodes', params['id']), size), 'resize the node')
        return change('nodes', params['id'], 'running', 'stopped')

    def nodes_rebuild(self, params):
        image = self.chosen('images', params['input']['image_id'], '/image_id')
        accepted(getattr(self.driver, find(self.cls, 'rebuild', object(), object()))(self.known('nodes', params['id']), image), 'rebuild the node')
        return change('nodes', params['id'], 'running')

    def nodes_update(self, params):
        given = params['input']
        # The present tags count, so a node that was seen a moment ago is not enough.
        node = self.read('nodes', params['id'])
        after = {}
        if given.get('name') is not None:
            accepted(getattr(self.driver, find(self.cls, 'rename', object(), object()))(node, given['name']), 'rename the node')
            after['name'] = given['name']
        if given.get('tags') is not None:
            after['tags'] = self.set_tags(node, given['tags'])
        # Some clouds show a change only after a moment.
        return {**self.show('nodes', self.thing('nodes', params['id'])), **after}

    def set_tags(self, node, changes):
        """Changes the tags of a node by a merge patch. Returns its tags afterwards."""
        name, names, mode, delete = tag_methods(self.cls, self.provider)
        before = mapping.tags_of(mapping.extra_of(node), hidden=False)
        wanted = {key: value for key, value in {**before, **changes}.items() if value is not None}
        target = ([node.id], 'UserVm') if names[0] == 'resource_ids' else (node,)
        if mode == 'whole':
            accepted(getattr(self.driver, name)(*target, wanted, *([True] if 'replace' in names else [])), 'set the tags')
        else:
            added = {key: value for key, value in changes.items() if value is not None}
            removed = {key: before[key] for key, value in changes.items() if value is None and key in before}
            if added:
                accepted(getattr(self.driver, name)(*target, added), 'set the tags')
            if removed:
                accepted(getattr(self.driver, delete[0])(*target, list(removed) if 'tag_keys' in delete[1] else removed), 'delete tags')
        return {key: value for key, value in wanted.items() if key != mapping.OPERATION}

    def nodes_console(self, params):
        if params['kind'] != 'text':
            raise Problem('not_supported', 'This cloud has no interactive console', capability='nodes.console.kind')
        found = getattr(self.driver, find(self.cls, 'console', object()))(self.known('nodes', params['id']))
        output = found.get('output') if isinstance(found, dict) else found
        return {'kind': 'text', 'text': mapping.text(output)}

    # Images, key pairs

    def images_create(self, params):
        node = self.chosen('nodes', params['input']['node_id'], '/node_id')
        made = self.driver.create_image(node, params['input']['name'])
        if getattr(made, 'id', None) is None:
            raise Problem('provider_error', 'The driver of Libcloud did not say which image was made', outcome_unknown=True)
        return change('images', made.id, 'available')

    def images_destroy(self, params):
        accepted(self.driver.delete_image(self.read('images', params['id'])), 'delete the image')
        return change('images', params['id'], gone=True)

    def key_pairs_create(self, params):
        given = params['input']
        if given.get('public_key'):
            return mapping.key_pair(self.driver.import_key_pair_from_string(given['name'], given['public_key']))
        made = self.driver.create_key_pair(given['name'])
        private = getattr(made, 'private_key', None)
        return {**mapping.key_pair(made), **({'secrets': {'private_key': private}} if private else {})}

    def key_pairs_destroy(self, params):
        accepted(self.driver.delete_key_pair(self.read('key_pairs', params['id'])), 'delete the key pair')

    # Volumes, snapshots

    def volumes_create(self, params):
        given = params['input']
        parameters = signature(self.cls, 'create_volume').parameters
        values = {}
        if 'location' in parameters and given.get('availability_zone'):
            values['location'] = self.chosen('locations', given['availability_zone'], '/availability_zone')
        if 'snapshot' in parameters and given.get('snapshot_id'):
            values['snapshot'] = self.chosen('snapshots', given['snapshot_id'], '/snapshot_id')
        if 'ex_volume_type' in parameters and given.get('type'):
            values['ex_volume_type'] = given['type']
        made = self.driver.create_volume(given.get('size'), given['name'], **values)
        if getattr(made, 'id', None) is None:
            raise Problem('provider_error', 'The driver of Libcloud did not say which volume was made', outcome_unknown=True)
        return change('volumes', made.id, 'available')

    def volumes_find_created(self, params):
        given, since = params['input'], params['since']
        found = [one for one in map(mapping.volume, self.things('volumes')) if one['name'] == given.get('name')
                 and one.get('size') in (None, given.get('size')) and one.get('created_at', since) >= _before(since)]
        if len(found) > 1:
            raise Problem('outcome_unknown', f"{len(found)} volumes have the name {given.get('name')}, so it is not known which one was made")
        return [{'kind': 'volume', 'id': one['id']} for one in found]

    def volumes_destroy(self, params):
        accepted(self.driver.destroy_volume(self.read('volumes', params['id'])), 'delete the volume')
        return change('volumes', params['id'], gone=True)

    def volumes_attach(self, params):
        given = params['input']
        node = self.chosen('nodes', given['node_id'], '/node_id')
        device = {'device': given['device']} if given.get('device') else {}
        accepted(self.driver.attach_volume(node, self.read('volumes', params['id']), **device), 'attach the volume')
        return change('volumes', params['id'], 'in_use')

    def volumes_detach(self, params):
        accepted(self.driver.detach_volume(self.read('volumes', params['id'])), 'detach the volume')
        return change('volumes', params['id'], 'available')

    def volumes_extend(self, params):
        name = find(self.cls, 'extend_volume', object(), object())
        accepted(getattr(self.driver, name)(self.read('volumes', params['id']), params['input']['size']), 'extend the volume')
        return change('volumes', params['id'], 'available', 'in_use')

    def snapshots_create(self, params):
        given = params['input']
        volume = self.chosen('volumes', given['volume_id'], '/volume_id')
        named = {'name': given['name']} if given.get('name') else {}
        made = self.driver.create_volume_snapshot(volume, **named)
        if getattr(made, 'id', None) is None:
            raise Problem('provider_error', 'The driver of Libcloud did not say which snapshot was made', outcome_unknown=True)
        return change('snapshots', made.id, 'available')

    def snapshots_destroy(self, params):
        accepted(self.driver.destroy_volume_snapshot(self.read('snapshots', params['id'])), 'delete the snapshot')
        return change('snapshots', params['id'], gone=True)

    # Networks, security groups

    def networks_create(self, params):
        given = params['input']
        values = (given['name'], given['cidr']) if given.get('cidr') else (given['name'],)
        return mapping.network(getattr(self.driver, find(self.cls, 'create_network', *values))(*values))

    def networks_destroy(self, params):
        accepted(getattr(self.driver, find(self.cls, 'delete_network', object()))(self.read('networks', params['id'])), 'delete the network')

    def security_groups_create(self, params):
        given = params['input']
        made = getattr(self.driver, find(self.cls, 'create_group', object(), object()))(given['name'], given.get('description') or given['name'])
        if isinstance(made, dict) and 'group_id' in made:  # EC2's drivers
            made = {'id': made['group_id'], 'name': given['name']}
        return mapping.security_group(made)

    def security_groups_destroy(self, params):
        found = self.read('security_groups', params['id'])
        accepted(getattr(self.driver, find(self.cls, 'delete_group', object()))(found), 'delete the security group')


def _before(since):
    """A minute before a time, because clocks differ."""
    moment = datetime.datetime.fromisoformat(since.replace('Z', '+00:00')) - datetime.timedelta(minutes=1)
    return mapping.timestamp(moment)


