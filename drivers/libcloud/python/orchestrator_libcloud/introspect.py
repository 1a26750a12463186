"""What a driver of Libcloud can do: the base methods that its class overrides, and its ex_ methods."""
import inspect
import warnings

warnings.simplefilter('ignore')

from libcloud.compute.base import NodeDriver  # noqa: E402
from libcloud.compute.providers import DRIVERS, get_driver  # noqa: E402

from . import facts  # noqa: E402

CLASSES = {
    'EucNodeDriver': 'eucalyptus', 'NimbusNodeDriver': 'nimbus', 'OutscaleSASNodeDriver': 'outscale_sas',
    'OutscaleINCNodeDriver': 'outscale_inc', 'RackspaceFirstGenNodeDriver': 'rackspace_first_gen',
    'TerremarkDriver': 'terremark',
}


def provider_of(cls):
    """Returns the name of the provider of a class; None if it is in no table of Libcloud."""
    if cls.__name__ in CLASSES:
        return CLASSES[cls.__name__]
    for one in cls.__mro__:
        for name, (module, _) in DRIVERS.items():
            if one.__module__ == module:
                return str(getattr(name, 'value', name))
    return None


def has(cls, name):
    """Whether the class has the method, beyond the stub of the base class."""
    method = getattr(cls, name, None)
    return callable(method) and method is not getattr(NodeDriver, name, None)


def signature(cls, name):
    try:
        return inspect.signature(getattr(cls, name))
    except (TypeError, ValueError):
        return None


def takes(cls, name, *args, **kwargs):
    """Whether the method accepts these arguments."""
    found = signature(cls, name)
    if found is None:
        return False
    try:
        found.bind(None, *args, **kwargs)
        return True
    except TypeError:
        return False


def find(cls, purpose, *args, **kwargs):
    """Returns the name of the method for a purpose of facts.EX that accepts the arguments; None if there is none."""
    for name in facts.EX[purpose]:
        if has(cls, name) and takes(cls, name, *args, **kwargs):
            return name
    return None


def _has_parameters(cls, name, names):
    """Whether the method has exactly these required parameters, or optional ones, in this order."""
    found = [value for value in signature(cls, name).parameters.values() if value.name != 'self'] if has(cls, name) else []
    return tuple(one.name for one in found[:len(names)]) == names and not any(map(is_required, found[len(names):]))


def tag_methods(cls, provider):
    """Returns the method that sets the tags of a node, how it works, and the method that deletes some; None if there is
    none whose signature is known."""
    for name, names, mode in facts.TAGS if provider not in facts.NO_TAGS else ():
        if not _has_parameters(cls, name, names):
            continue
        if mode == 'whole':
            return name, names, mode, None
        delete = next((one for one in facts.DELETE_TAGS if _has_parameters(cls, *one) and one[1][0] == names[0]), None)
        if delete is not None:
            return name, names, mode, delete
    return None


def create_parameters(cls):
    """Returns the parameters of create_node by name. Those of a base class, if the method has only **kwargs."""
    for one in cls.__mro__:
        if 'create_node' not in vars(one):
            continue
        found = {name: value for name, value in inspect.signature(vars(one)['create_node']).parameters.items()
                 if name != 'self' and value.kind not in (value.VAR_KEYWORD, value.VAR_POSITIONAL)}
        if found:
            return found
    return {}


def field_parameter(parameters, field):
    """Returns the parameter of create_node for a field of a create; None if there is none."""
    return next((name for name in facts.CREATE[field] if name in parameters), None)


def is_required(parameter):
    return parameter.default is parameter.empty


def capabilities(cls, provider):
    """Returns the capabilities of a class: method of the protocol → details."""
    found = {}
    none = object()

    def add(name, **details):
        found[name] = details

    def reading(service, method):
        if has(cls, method):
            add(f'{service}.list')
            add(f'{service}.get')
        return has(cls, method)

    for service, method in (('images', 'list_images'), ('sizes', 'list_sizes'), ('locations', 'list_locations')):
        reading(service, method)
    if reading('nodes', 'list_nodes'):
        node_capabilities(cls, provider, add)
    if 'images.list' in found:
        if has(cls, 'create_image') and takes(cls, 'create_image', none, none):
            add('images.create', parameters=['name', 'node_id'])
        if has(cls, 'delete_image'):
            add('images.destroy')
    if reading('key_pairs', 'list_key_pairs'):
        can_import = has(cls, 'import_key_pair_from_string')
        if has(cls, 'create_key_pair') and takes(cls, 'create_key_pair', none):
            add('key_pairs.create', parameters=['name', *(['public_key'] if can_import else [])])
        elif can_import:
            add('key_pairs.create', parameters=['name', 'public_key'], required=['public_key'])
        if has(cls, 'delete_key_pair'):
            add('key_pairs.destroy')
    if reading('volumes', 'list_volumes'):
        volume_capabilities(cls, add)
    if find(cls, 'list_networks'):
        add('networks.list')
        add('networks.get')
        if find(cls, 'create_network', none, none) and 'cidr' in str(signature(cls, find(cls, 'create_network', none, none))):
            add('networks.create', parameters=['name', 'cidr'], required=['cidr'])
        elif find(cls, 'create_network', none):
            add('networks.create', parameters=['name'])
        if find(cls, 'delete_network', none):
            add('networks.destroy')
    if find(cls, 'list_groups'):
        add('security_groups.list')
        add('security_groups.get')
        if find(cls, 'create_group', none, none):
            add('security_groups.create', parameters=['name', 'description'])
        if find(cls, 'delete_group', none):
            add('security_groups.destroy')
    return found


def node_capabilities(cls, provider, add):
    none = object()
    parameters = create_parameters(cls)
    if has(cls, 'create_node') and parameters:
        fields = ['name', 'image_id', 'size_id', *(one for one in facts.CREATE if field_parameter(parameters, one))]
        if 'auth' in parameters and 'key_pair_name' not in fields and has(cls, 'list_key_pairs'):
            fields.append('key_pair_name')
        required = [one for one in facts.CREATE
                    if field_parameter(parameters, one) and is_required(parameters[field_parameter(parameters, one)])]
        known = {'name', 'image', 'size', *(field_parameter(parameters, one) for one in facts.CREATE)}
        options = [name for name in parameters if name not in known]
        if 'networks' in fields:
            fields.append('networks.network_id')
        add('nodes.create', required=required, parameters=[
            *fields, *(['provider_options'] if options else []), *(f'provider_options.libcloud.{one}' for one in options)])
        add('nodes.find_created')
    if has(cls, 'destroy_node') and provider not in facts.NO_DESTROY:
        add('nodes.destroy')
    if has(cls, 'reboot_node'):
        add('nodes.reboot')
    if find(cls, 'start_node', none):
        add('nodes.start')
    if find(cls, 'stop_node', none) and provider not in facts.STOP_DESTROYS:
        add('nodes.stop')
    for verb in ('pause', 'suspend', 'resume', 'rescue', 'unrescue'):
        if find(cls, verb, none):
            add(f'nodes.{verb}')
    if find(cls, 'resize', none, none):
        add('nodes.resize', parameters=['size_id'])
    if find(cls, 'rebuild', none, none):
        add('nodes.rebuild', parameters=['image_id'])
    updates = [*(['name'] if find(cls, 'rename', none, none) else []), *(['tags'] if tag_methods(cls, provider) else [])]
    if updates:
        add('nodes.update', parameters=updates)
    if find(cls, 'console', none):
        add('nodes.console', parameters=['kind'])


def volume_capabilities(cls, add):
    none = object()
    if has(cls, 'create_volume') and takes(cls, 'create_volume', none, none):
        parameters = signature(cls, 'create_volume').parameters
        fields = {'location': 'availability_zone', 'snapshot': 'snapshot_id', 'ex_volume_type': 'type'}
        add('volumes.create', parameters=['name', 'size', *(field for name, field in fields.items() if name in parameters)],
            required=['name', *(['availability_zone'] if 'location' in parameters and is_required(parameters['location']) else [])])
        add('volumes.find_created')
    if has(cls, 'destroy_volume'):
        add('volumes.destroy')
    if has(cls, 'attach_volume'):
        fields = signature(cls, 'attach_volume').parameters
        add('volumes.attach', parameters=['node_id', *(['device'] if 'device' in fields else [])])
    if has(cls, 'detach_volume') and takes(cls, 'detach_volume', none):
        add('volumes.detach')
    if find(cls, 'extend_volume', none, none):
        add('volumes.extend', parameters=['size'])
    if has(cls, 'list_volume_snapshots') or find(cls, 'list_snapshots'):
        add('snapshots.list')
        add('snapshots.get')
        if has(cls, 'create_volume_snapshot'):
            named = 'name' in signature(cls, 'create_volume_snapshot').parameters
            add('snapshots.create', parameters=['volume_id', *(['name'] if named else [])])
        if has(cls, 'destroy_volume_snapshot'):
            add('snapshots.destroy')


def class_for(provider, arguments=None):
    """Returns the class that the arguments choose: some classes have a __new__ that returns one of many versions."""
    cls = get_driver(provider)
    if cls.__new__ is object.__new__:
        return cls
    for args in ((), ('key',), ('key', 'secret')):
        try:
            return type(cls.__new__(cls, *args, **(arguments or {})))
        except Exception:
            continue
    return cls


def constructor(cls):
    """Returns the arguments of the constructor: those of base classes too, where it has **kwargs."""
    found = {}
    is_first = True
    for one in cls.__mro__:
        if '__init__' not in vars(one) or one is object:
            continue
        parameters = inspect.signature(vars(one)['__init__']).parameters
        for name, value in parameters.items():
            if name == 'self' or value.kind in (value.VAR_KEYWORD, value.VAR_POSITIONAL) or name in found:
                continue
            default = None if value.default is value.empty else value.default
            plain = str(default) if isinstance(default, (str, int, float, bool)) and default != '' else None
            # A class that has **kwargs may give the arguments of its base class itself.
            found[name] = {'name': name, 'required': is_required(value) and is_first, 'default': plain,
                           'own': is_first}
        if not any(value.kind == value.VAR_KEYWORD for value in parameters.values()):
            break
        is_first = is_first and not any(value.kind not in (value.VAR_KEYWORD, value.VAR_POSITIONAL)
                                        for name, value in parameters.items() if name != 'self')
    return list(found.values())


def list_providers():
    """Returns all providers of Libcloud, with their arguments and capabilities."""
    result = []
    for key in DRIVERS:
        provider = str(getattr(key, 'value', key))
        try:
            cls = class_for(provider)
        except Exception as error:  # a driver whose own imports fail
            result.append({'name': provider, 'title': provider, 'website': None, 'arguments': [], 'capabilities': {},
                           'native': facts.NATIVE.get(provider), 'note': f'Libcloud cannot load the driver: {error}'})
            continue
        full = {name: {'parameters': [], 'required': [], 'filters': [], 'limits': {}, **details}
                for name, details in capabilities(cls, provider).items() if not name.endswith('.find_created')}
        result.append({
            'name': provider, 'title': str(cls.name or provider), 'website': str(cls.website) if cls.website else None,
            'arguments': [{key: value for key, value in one.items() if key != 'own'} for one in constructor(cls)], 'capabilities': full, 'native': facts.NATIVE.get(provider),
            'note': facts.GONE.get(provider)})
    return sorted(result, key=lambda one: one['name'])
