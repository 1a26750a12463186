"""Libcloud's driver for Eucalyptus, which signs with version 2, goes through a cloud; prints what it saw as JSON.

It has come to send tags with a new node, which Eucalyptus 4 does not take: once it is let do so, then they are left out.

Arguments: host, port, path, access key, secret key, the version of Eucalyptus' own namespace, id of an image.
"""
import json
import sys
import time
from types import SimpleNamespace

from libcloud.common.exceptions import BaseHTTPError
from libcloud.common.types import InvalidCredsError
from libcloud.compute.drivers.ec2 import EucConnection, EucNodeDriver


class Connection(EucConnection):
    tags = True

    def request(self, action, params=None, **more):
        kept = {name: value for name, value in params.items() if self.tags or not name.startswith('TagSpecification')}
        return super().request(action, params=kept, **more)


class Driver(EucNodeDriver):
    connectionCls = Connection


def wait(read, wanted):
    end = time.monotonic() + 20
    while read() != wanted:
        if time.monotonic() > end:
            raise TimeoutError(f'{read()} instead of {wanted}')
        time.sleep(0.05)
    return wanted


def run(driver, image_id):
    seen = {}
    sizes = driver.list_sizes()
    seen['sizes'] = {size.id: [size.extra['cpu'], size.disk, size.ram] for size in sizes}
    images = driver.list_images()
    seen['images'] = sorted(image.id for image in images)
    zones = driver.ex_list_availability_zones()
    seen['zones'] = [zone.name for zone in zones]

    pair = driver.create_key_pair('libcloud')
    seen['private_key'] = pair.private_key.split('\n')[0]
    seen['key_pairs'] = [one.name for one in driver.list_key_pairs()]

    image = next(one for one in images if one.id == image_id)
    size = next(one for one in sizes if one.id == 'm1.small')
    create = lambda: driver.create_node(name='by-libcloud', image=image, size=size, ex_keyname='libcloud')
    try:
        create()
    except BaseHTTPError as error:
        seen['tags_refused'] = str(error).split('\n')[0]
    Connection.tags = False
    node = create()
    driver.ex_create_tags(node, {'Name': 'by-libcloud'})
    find = lambda: next(one for one in driver.list_nodes() if one.id == node.id)
    seen['running'] = wait(lambda: find().state, 'running')
    seen['name'] = find().name
    seen['rebooted'] = driver.reboot_node(node)

    location = SimpleNamespace(availability_zone=next(zone for zone in zones if zone.name == find().extra['availability']))
    volume = driver.create_volume(2, 'data', location=location)
    state = lambda: next(one.state for one in driver.list_volumes() if one.id == volume.id)
    wait(state, 'available')
    seen['attached'] = driver.attach_volume(node, volume, '/dev/sdf')
    seen['in_use'] = wait(state, 'inuse')
    driver.detach_volume(volume)
    wait(state, 'available')
    snapshot = driver.create_volume_snapshot(volume, name='snap')
    wait(lambda: next(one.state for one in driver.list_snapshots() if one.id == snapshot.id), 'available')
    seen['snapshot_deleted'] = driver.destroy_volume_snapshot(snapshot)
    seen['volume_deleted'] = driver.destroy_volume(volume)

    seen['destroyed'] = driver.destroy_node(node)
    seen['end'] = wait(lambda: find().state, 'terminated')
    seen['key_deleted'] = driver.delete_key_pair(pair)
    return seen


def main(host, port, path, key, secret, version, image_id):
    driver = Driver(key, secret, secure=False, host=host, port=int(port), path=path, api_version=version)
    try:
        print(json.dumps(run(driver, image_id)))
    except (InvalidCredsError, BaseHTTPError) as error:
        print(json.dumps({'refused': type(error).__name__, 'message': str(error)}))


main(*sys.argv[1:])
