"""Libcloud's driver for Rackspace goes through a cloud; prints what it saw as JSON.

Its lists of nodes, images and sizes are one page, so a page of the cloud must hold them all.

Arguments: address of Identity without its version, user, key, auth version (2.0_apikey or 2.0_password), region.
"""
import json
import sys
import time

from libcloud.common.exceptions import BaseHTTPError
from libcloud.common.types import InvalidCredsError
from libcloud.compute.drivers.rackspace import RackspaceNodeDriver


def wait(read, wanted):
    end = time.monotonic() + 20
    while read() != wanted:
        if time.monotonic() > end:
            raise TimeoutError(f'{read()} instead of {wanted}')
        time.sleep(0.05)
    return wanted


def run(driver):
    seen = {}
    sizes = driver.list_sizes()
    seen['sizes'] = {size.id: [size.vcpus, size.disk, size.ram] for size in sizes}
    images = driver.list_images()
    seen['images'] = {image.name: image.extra['status'] for image in images}
    seen['networks'] = {network.id: network.name for network in driver.ex_list_networks()}

    pair = driver.create_key_pair('libcloud')
    seen['private_key'] = pair.private_key.split('\n')[0]
    seen['key_pairs'] = [one.name for one in driver.list_key_pairs()]
    isolated = driver.ex_create_network('isolated', '192.168.9.0/24')
    seen['isolated'] = [isolated.name, isolated.cidr]

    size = next(one for one in sizes if one.id == 'performance1-1')
    node = driver.create_node(name='by-libcloud', image=images[0], size=size, ex_keyname='libcloud', ex_metadata={'env': 'test'})
    seen['password'] = len(node.extra['password']) > 0
    find = lambda: next(one for one in driver.list_nodes() if one.id == node.id)
    seen['created'] = wait(lambda: find().state, 'running')
    there = find()
    seen['node'] = {
        'name': there.name, 'public': len(there.public_ips), 'private': len(there.private_ips), 'metadata': there.extra['metadata'],
        'key': there.extra['key_name'], 'size': there.extra['flavorId'], 'image': there.extra['imageId'] == images[0].id
    }
    seen['reboot'] = driver.reboot_node(node)
    seen['rebooted'] = wait(lambda: find().state, 'running')
    seen['metadata'] = driver.ex_set_metadata(node, {'env': 'production'})

    image = driver.create_image(node, 'saved')
    seen['image'] = wait(lambda: driver.get_image(image.id).extra['status'], 'ACTIVE')
    seen['image_deleted'] = driver.delete_image(image)

    seen['destroyed'] = driver.destroy_node(node)
    seen['left'] = wait(lambda: [one.id for one in driver.list_nodes()], [])
    seen['network_deleted'] = driver.ex_delete_network(isolated)
    seen['key_deleted'] = driver.delete_key_pair(pair)
    return seen


def main(url, user, key, version, region):
    driver = RackspaceNodeDriver(user, key, region=region, ex_force_auth_url=url, ex_force_auth_version=version)
    try:
        print(json.dumps(run(driver)))
    except (InvalidCredsError, BaseHTTPError) as error:
        print(json.dumps({'refused': type(error).__name__, 'message': str(error)}))


main(*sys.argv[1:])
