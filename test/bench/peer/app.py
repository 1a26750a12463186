"""Lists the nodes of Libcloud's dummy cloud with Flask, as the original Orchestrator did: indented JSON, no cache."""
import json
import os

from flask import Flask, Response
from libcloud.compute.drivers.dummy import DummyNodeDriver

app = Flask(__name__)
driver = DummyNodeDriver(0)
image, size = driver.list_images()[0], driver.list_sizes()[0]
while len(driver.list_nodes()) < int(os.environ.get('NODES', '2')):
    driver.create_node(name='web', image=image, size=size)


def to_dict(node):
    return {
        'id': node.id,
        'name': node.name,
        'state': node.state,
        'public_ips': node.public_ips,
        'private_ips': node.private_ips,
        'size': node.size.id if node.size else None,
        'image': node.image.id if node.image else None,
        'created_at': str(node.created_at),
        'extra': node.extra,
    }


@app.get('/nodes')
def nodes():
    body = json.dumps({'nodes': [to_dict(node) for node in driver.list_nodes()]}, indent=4, default=str)
    return Response(body, mimetype='application/json')
