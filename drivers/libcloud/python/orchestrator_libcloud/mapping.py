"""Objects of Libcloud as resources of the API. Fields that are left out are null: the server adds them."""
import datetime
import functools
import ipaddress
import json
import threading

from . import facts
from .states import state_of

OPERATION = 'orchestrator-operation'

# Some drivers of Libcloud list these as public addresses.
PRIVATE = [ipaddress.ip_network(one) for one in ('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7')]


def text(value):
    """Returns a text; None for what stands for nothing."""
    if type(value) is str:
        return value or None
    if value is None or isinstance(value, (dict, list, tuple, set, bool)) or value == '':
        return None
    return str(value)


def number(value, factor=1):
    """Returns a whole number; None for 0, which Libcloud's drivers use for "unknown" and "unlimited"."""
    try:
        found = round(float(value) * factor)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if 0 < found < 2 ** 31 else None


def plain(value, depth=0):
    """Returns a value that JSON can carry."""
    if isinstance(value, (str, int, bool, type(None))):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, float):
        return value if value == value and abs(value) != float('inf') else None
    if depth > 8:
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(one, depth + 1) for one in value]
    if isinstance(value, datetime.datetime):
        return timestamp(value)
    return str(value)


def timestamp(value):
    """Returns a time in RFC 3339; None if it is none."""
    is_time = isinstance(value, (str, int, float, datetime.datetime)) and not isinstance(value, bool)
    return _timestamp(value) if is_time else None


# The times of a resource are the same in each list.
@functools.lru_cache(maxsize=20_000)
def _timestamp(value):
    if isinstance(value, (int, float)) and value > 1e8:
        value = datetime.datetime.fromtimestamp(value / 1000 if value > 1e11 else value, datetime.timezone.utc)
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value.strip().replace('Z', '+00:00'))
        except ValueError:
            return None
    if not isinstance(value, datetime.datetime):
        return None
    zone = value if value.tzinfo is not None else value.replace(tzinfo=datetime.timezone.utc)
    return zone.astimezone(datetime.timezone.utc).isoformat(timespec='milliseconds').replace('+00:00', 'Z')


def extra_of(thing):
    return thing.extra if isinstance(getattr(thing, 'extra', None), dict) else {}


def first(extra, *names):
    """Returns the first of these fields that is a text."""
    for name in names:
        found = extra.get(name)
        if found is not None:
            found = text(found if type(found) is str else getattr(found, 'id', found))
            if found is not None:
                return found
    return None


CREATED = ('created_at', 'created', 'creation_time', 'creation_date', 'creationTimestamp', 'launch_time', 'launchdatetime',
           'create_time', 'date_created', 'added')


def created(thing):
    """Returns the time of the creation: that of Libcloud, or the first field of the driver that is a time."""
    found = timestamp(getattr(thing, 'created_at', None)) or timestamp(getattr(thing, 'created', None))
    extra = extra_of(thing)
    return found or next(filter(None, (timestamp(extra[name]) for name in CREATED if name in extra)), None)


def addresses(ips, scope):
    found = []
    for ip in ips or []:
        address, version, is_private = parse_address(str(ip))
        if address is not None:
            found.append({'address': address, 'version': version, 'kind': 'fixed',
                          'scope': 'private' if scope == 'private' or is_private else 'public'})
    return found


@functools.lru_cache(maxsize=10_000)
def parse_address(ip):
    """Returns an address in its usual form, its version, and whether it is of a private network; None if it is none."""
    try:
        address = ipaddress.ip_address(ip.split('/')[0])
    except ValueError:
        return None, None, None
    return str(address), address.version, any(address in one for one in PRIVATE)


def tags_of(extra, hidden=True):
    """Returns the tags: a map, or a list of `key=value` or `key`."""
    for name in ('tags', 'metadata', 'labels'):
        found = extra.get(name)
        if isinstance(found, dict) and set(found) == {'items'}:  # Google's metadata
            found = {one.get('key'): one.get('value') for one in found['items'] if isinstance(one, dict)}
        if isinstance(found, (list, tuple)) and found:
            if all(isinstance(one, dict) and 'key' in one for one in found):
                found = {one['key']: one.get('value', '') for one in found}
            elif all(isinstance(one, str) for one in found):
                found = dict((one.split('=', 1) + [''])[:2] for one in found)
            else:
                continue
        if isinstance(found, dict) and found:
            return {str(key)[:255]: str(plain(one) if isinstance(one, str) else json.dumps(plain(one)))[:1024]
                    for key, one in found.items() if key and (key != OPERATION or not hidden)}
    return {}


def id_of(thing):
    """Returns the id. Some sizes have none but a name."""
    id = getattr(thing, 'id', thing)
    return str(id if id is not None else thing.name)


class RawFields(threading.local):
    """Whether the call of this thread asks for the raw fields."""
    wanted = True


raw_fields = RawFields()


def resource(thing, id=None, **fields):
    raw = {'extra': {} if isinstance(thing, str) else plain(extra_of(thing))} if raw_fields.wanted else {}
    if isinstance(thing, str):
        return {'id': thing, 'name': thing, **raw, **fields}
    known = {name: value for name, value in fields.items() if value is not None}
    return {'id': str(id if id is not None else id_of(thing)), 'name': text(getattr(thing, 'name', None)), **raw, **known}


def location_id(thing):
    extra = extra_of(thing)
    return first(extra, 'zone_id', 'zone', 'availability', 'availability_zone', 'region', 'location', 'datacenter', 'zone_name')


def node(one, provider):
    state, raw = state_of(one, provider)
    extra = extra_of(one)
    found = addresses(one.public_ips, 'public') + addresses(one.private_ips, 'private')
    size = text(getattr(getattr(one, 'size', None), 'id', None))
    image = text(getattr(getattr(one, 'image', None), 'id', None))
    return resource(
        one, state=state, provider_state=raw, provider_task_state=first(extra, 'task_state'),
        created_at=created(one), updated_at=timestamp(extra.get('updated') or extra.get('updated_at')),
        tags=tags_of(extra),
        size_id=size or first(extra, 'size_id', 'flavorId', 'instance_type', 'size_slug', 'commercial_type', 'flavor', 'plan', 'size'),
        image_id=image or first(extra, 'image_id', 'imageId', 'image', 'template_id'),
        key_pair_name=first(extra, 'key_name', 'keyname', 'keypair'),
        availability_zone=location_id(one),
        public_ips=[one['address'] for one in found if one['scope'] == 'public'],
        private_ips=[one['address'] for one in found if one['scope'] == 'private'],
        addresses=found)


def size(one, provider, price_date):
    ram, disk = facts.UNITS.get(provider, (1, 1))
    extra = extra_of(one)
    cores = extra.get('cpus', extra.get('cpu', extra.get('vcpus', extra.get('vcpu', getattr(one, 'vcpus', None)))))
    cores = cores if cores is not None else getattr(one, 'cpu', None)
    return resource(one, state='available', vcpus=number(cores), ram=number(one.ram, ram), disk=number(one.disk, disk),
                    price=price(one, provider, price_date))


def price(one, provider, date):
    """Returns the price of an hour; None if its unit or its date is not known."""
    # Version 3 of Linode has prices of a month.
    if provider == 'linode' and 'monthly_price' not in extra_of(one):
        return None
    if provider not in facts.PRICES or date is None or not isinstance(one.price, (int, float)) or not 0 < one.price < 1e6:
        return None
    currency, hours = facts.PRICES[provider]
    amount = f'{one.price / hours:.6f}'.rstrip('0').rstrip('.')
    day, source = date
    return {'amount': amount, 'currency': currency, 'per': 'hour', 'as_of': day, 'source': source}


def image(one):
    extra = extra_of(one)
    state = 'available' if str(extra.get('status', extra.get('state', 'active'))).lower() in (
        'active', 'available', 'ready', 'online') else 'unknown'
    return resource(one, state=state, provider_state=first(extra, 'status', 'state'), created_at=created(one), tags=tags_of(extra),
                    architecture=first(extra, 'architecture', 'arch'), min_disk=number(extra.get('minDisk', extra.get('min_disk_size'))),
                    min_ram=number(extra.get('minRam')))


def location(one):
    return resource(one, state='available', kind='region', available=None)


def key_pair(one):
    return resource(one, one.name, state='available', fingerprint=text(getattr(one, 'fingerprint', None)),
                    public_key=text(getattr(one, 'public_key', None)))


def known_state(one):
    state = getattr(one, 'state', None)
    return str(getattr(state, 'value', state) or extra_of(one).get('status') or 'unknown').lower()


def volume(one):
    extra = extra_of(one)
    state = known_state(one)
    attached = [first(extra, 'instance_id', 'linode_id', 'attached_to', 'server_id', 'vm_id')]
    attached += [str(item) for item in extra.get('droplet_ids') or []]
    for item in extra.get('attachments') or []:
        attached.append(first(item, 'serverId', 'server_id', 'instance_id') if isinstance(item, dict) else None)
    found = facts.VOLUME_STATES.get(state, 'unknown')
    return resource(
        one, state=found, provider_state=first(extra, 'state', 'status') or state, size=number(one.size), created_at=created(one),
        tags=tags_of(extra), type=first(extra, 'volume_type', 'type'), availability_zone=location_id(one),
        snapshot_id=first(extra, 'snapshot_id'),
        attachments=[{'node_id': id, 'device': first(extra, 'device'), 'state': found} for id in dict.fromkeys(attached) if id])


def snapshot(one, volume_id=None):
    extra = extra_of(one)
    state = known_state(one)
    return resource(one, state=facts.SNAPSHOT_STATES.get(state, 'unknown'), provider_state=first(extra, 'state', 'status') or state,
                    volume_id=volume_id or first(extra, 'volume_id'), size=number(one.size), created_at=created(one),
                    tags=tags_of(extra), description=first(extra, 'description'))


def network(one):
    return resource(one, state='available')


def security_group(one):
    if isinstance(one, str):  # EC2's drivers return names
        return {'id': one, 'name': one, 'state': 'available', 'extra': {}}
    if isinstance(one, dict):
        id = one.get('id') or one.get('name')
        return {'id': str(id), 'name': text(one.get('name')), 'state': 'available', 'extra': plain(one)}
    return resource(one, getattr(one, 'id', None) or one.name, state='available', description=text(getattr(one, 'description', None)))
