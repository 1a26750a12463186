"""The scenario of the clients in Python: scenario.py ORIGIN TOMORROW prints what it saw as JSON."""
import json
import sys
import uuid

import cloud_orchestrator as sdk

origin, tomorrow = sys.argv[1:]
CLOUD = "default"


def connect(host):
    client = sdk.ApiClient(sdk.Configuration(host=host))
    return {
        name: api(client)
        for name, api in {
            "clouds": sdk.CloudsApi,
            "images": sdk.ImagesApi,
            "nodes": sdk.NodesApi,
            "operations": sdk.OperationsApi,
            "sizes": sdk.SizesApi,
            "volumes": sdk.VolumesApi,
        }.items()
    }


api = connect(origin)
nodes, operations, volumes = api["nodes"], api["operations"], api["volumes"]


def ended(operation):
    while operation.finished_at is None:
        operation = operations.get_operation(operation.id, wait=30)
    return operation


def all_sizes():
    cursor, found = None, []
    while True:
        page = api["sizes"].list_sizes(CLOUD, limit=2, cursor=cursor)
        found += [size.id for size in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


def code_of(call):
    try:
        call()
    except sdk.ApiException as error:
        return error.data.code
    raise AssertionError("the call has not failed")


seen = {"sizes": len(all_sizes())}

asked = sdk.NodeCreate(name="sdk-python", image_id="img-debian-12", size_id="dummy.small")
created = nodes.create_node(CLOUD, asked, prefer="wait=30", idempotency_key=str(uuid.uuid4()))
seen["created"] = created.status
node_id = created.resource.id


def state():
    return nodes.get_node(CLOUD, node_id).state


asked = sdk.VolumeCreate(name="sdk-python", size=2)
volume = ended(volumes.create_volume(CLOUD, asked))
seen["polled"] = volume.status
volume_id = volume.resource.id

ended(nodes.stop_node(CLOUD, node_id))
seen["stopped"] = state()
ended(nodes.start_node(CLOUD, node_id))
seen["started"] = state()
ended(nodes.resize_node(CLOUD, node_id, sdk.NodeResize(size_id="dummy.medium")))
ended(nodes.confirm_resize_node(CLOUD, node_id))
seen["resized"] = nodes.get_node(CLOUD, node_id).size_id

ended(volumes.attach_volume(CLOUD, volume_id, sdk.VolumeAttach(node_id=node_id)))
seen["attached"] = volume_id in nodes.get_node(CLOUD, node_id).volume_ids

# The client checks that an item is complete, so a list with fields is read without it.
partial = nodes.list_nodes_without_preload_content(CLOUD, name="sdk-python", fields=["name", "state"])
seen["fields"] = json.loads(partial.read())["items"]

seen["refused"] = code_of(lambda: nodes.revert_resize_node(CLOUD, node_id))

later = connect(tomorrow)
later["clouds"].list_clouds()
later["images"].list_images(CLOUD)
later["volumes"].list_volumes(CLOUD)
seen["tomorrow"] = [
    later["nodes"].list_nodes(CLOUD, name="sdk-python").items[0].state,
    later["operations"].list_operations().items[0].status,
    code_of(lambda: later["nodes"].get_node(CLOUD, "node-00000000")),
]

ended(volumes.detach_volume(CLOUD, volume_id))
ended(volumes.delete_volume(CLOUD, volume_id))
seen["destroyed"] = ended(nodes.destroy_node(CLOUD, node_id)).status
seen["left"] = len(nodes.list_nodes(CLOUD, name="sdk-python").items)
print(json.dumps(seen))
