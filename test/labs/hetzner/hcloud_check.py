"""Uses the stand-in with hcloud, Hetzner's own client for Python, and prints what it saw as JSON.

Arguments: the endpoint of the API, the token.
"""
import json
import sys

from hcloud import APIException, Client
from hcloud.actions import ActionFailedException
from hcloud.firewalls import FirewallResource, FirewallRule
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.networks import NetworkSubnet
from hcloud.server_types import ServerType
from hcloud.servers import Server

endpoint, token = sys.argv[1:]
client = Client(token=token, api_endpoint=endpoint, poll_interval=0.02)
seen = {}


def refused(call):
    """The code with which a call is refused; None if it is not."""
    try:
        call()
    except APIException as error:
        return error.code
    return None


def key(number):
    """A public key that no other call uses."""
    return f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{number:043d} check"


seen["refused"] = refused(Client(token="another", api_endpoint=endpoint).servers.get_all)
seen["locations"] = [one.name for one in client.locations.get_all()]
seen["sizes"] = {one.name: [one.cores, one.memory, one.disk] for one in client.server_types.get_all()}
seen["price"] = client.server_types.get_by_name("cx23").prices[0]["price_hourly"]["net"]
seen["image"] = client.images.get_by_name_and_architecture("debian-12", "arm").id

ssh_key = client.ssh_keys.create(name="mine", public_key=key(1), labels={"env": "test"})
seen["key_twice"] = refused(lambda: client.ssh_keys.create(name="other", public_key=key(1)))
seen["key"] = client.ssh_keys.get_by_fingerprint(ssh_key.fingerprint).name

network = client.networks.create(name="net", ip_range="10.0.0.0/16")
network.add_subnet(
    NetworkSubnet(ip_range="10.0.1.0/24", type="cloud", network_zone="eu-central")
).wait_until_finished()
network.reload()
seen["subnet"] = [network.subnets[0].ip_range, network.subnets[0].gateway]

web = FirewallRule(direction="in", protocol="tcp", port="80-81", source_ips=["0.0.0.0/0", "::/0"])
firewall = client.firewalls.create(name="web", rules=[web]).firewall

created = client.servers.create(
    name="web-1",
    server_type=ServerType(name="cx23"),
    image=Image(name="debian-12"),
    location=Location(name="fsn1"),
    ssh_keys=[ssh_key],
    networks=[network],
    firewalls=[firewall],
    labels={"env": "test"},
)
server = created.server
seen["initializing"] = server.status
created.action.wait_until_finished()
server.reload()
seen["server"] = [server.status, server.location.name, server.server_type.name, server.image.name, server.labels]
seen["private"] = server.private_net[0].ip
seen["firewall"] = server.public_net.firewalls[0].firewall.id == firewall.id
seen["selected"] = [one.name for one in client.servers.get_all(label_selector="env=test")]
seen["not_selected"] = client.servers.get_all(label_selector="env=other")
seen["name_twice"] = refused(
    lambda: client.servers.create(name="web-1", server_type=ServerType("cx23"), image=Image(name="debian-12"))
)
seen["password"] = isinstance(
    client.servers.create(
        name="web-2", server_type=ServerType(name="cx23"), image=Image(name="ubuntu-24.04")
    ).root_password,
    str,
)
seen["pages"] = sorted(one.name for page in (1, 2) for one in client.servers.get_list(page=page, per_page=1).servers)

server.shutdown().wait_until_finished()
try:
    server.change_type(ServerType(name="ccx63"), upgrade_disk=False).wait_until_finished()
except ActionFailedException as error:
    seen["no_room"] = error.action.error["code"]
client.servers.get_by_id(server.id)
server.change_type(ServerType(name="cx33"), upgrade_disk=False).wait_until_finished()
server.power_on().wait_until_finished()
server.reboot().wait_until_finished()
server.reload()
seen["resized"] = [server.status, server.server_type.name]
seen["commands"] = [one.command for one in server.get_actions(sort=["id:desc"])][:2]

volume = client.volumes.create(name="data", size=10, location=Location(name="fsn1"))
volume.action.wait_until_finished()
volume.volume.attach(server).wait_until_finished()
volume.volume.reload()
seen["volume"] = [volume.volume.status, volume.volume.server.id == server.id]
seen["volume_in_use"] = refused(volume.volume.delete)
volume.volume.detach().wait_until_finished()
volume.volume.resize(20).wait_until_finished()
volume.volume.reload()
seen["volume_size"] = volume.volume.size
volume.volume.delete()

ip = client.floating_ips.create(type="ipv4", home_location=Location(name="fsn1")).floating_ip
ip.assign(server).wait_until_finished()
server.reload()
seen["floating"] = [one.id == ip.id for one in server.public_net.floating_ips]
ip.unassign().wait_until_finished()
ip.delete()

snapshot = server.create_image(description="before", labels={"kept": "yes"})
snapshot.action.wait_until_finished()
seen["snapshot"] = [[one.description, one.status] for one in client.images.get_all(type=["snapshot"])]
snapshot.image.delete()

server.change_protection(delete=True, rebuild=True).wait_until_finished()
seen["protected"] = refused(server.delete)
server.change_protection(delete=False, rebuild=False).wait_until_finished()
seen["renamed"] = server.update(name="web-3", labels={}).name
seen["firewall_in_use"] = refused(firewall.delete)
firewall.remove_from_resources([FirewallResource(type="server", server=Server(id=server.id))])[0].wait_until_finished()
firewall.delete()
server.detach_from_network(network).wait_until_finished()
network.delete()
server.delete().wait_until_finished()
seen["gone"] = refused(lambda: client.servers.get_by_id(server.id))
ssh_key.delete()
seen["left"] = [one.name for one in client.servers.get_all()]

print(json.dumps(seen))
