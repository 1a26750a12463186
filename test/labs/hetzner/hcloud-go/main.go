// Command check uses the stand-in with hcloud-go, Hetzner's own client for Go, and prints what it saw as JSON.
//
// Arguments: the endpoint of the API, the token.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

var ctx = context.Background()

// must returns a value, and ends the program if there is an error.
func must[T any](value T, _ *hcloud.Response, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// code returns the error code of the API; an empty string if there is none.
func code(err error) string {
	var refusal hcloud.Error
	if errors.As(err, &refusal) {
		return string(refusal.Code)
	}
	return fmt.Sprint(err)
}

func main() {
	endpoint := hcloud.WithEndpoint(os.Args[1])
	poll := hcloud.WithPollOpts(hcloud.PollOpts{BackoffFunc: hcloud.ConstantBackoff(20 * time.Millisecond)})
	client := hcloud.NewClient(endpoint, hcloud.WithToken(os.Args[2]), poll)
	wait := func(actions ...*hcloud.Action) {
		if err := client.Action.WaitFor(ctx, actions...); err != nil {
			panic(err)
		}
	}
	seen := map[string]any{}

	_, err := hcloud.NewClient(endpoint, hcloud.WithToken("another")).Server.All(ctx)
	seen["refused"] = code(err)

	size := must(client.ServerType.GetByName(ctx, "cx23"))
	seen["size"] = []any{size.Cores, size.Memory, size.Disk, size.Pricings[0].Hourly.Net}
	image := must(client.Image.GetByNameAndArchitecture(ctx, "debian-12", hcloud.ArchitectureX86))
	location := must(client.Location.GetByName(ctx, "fsn1"))
	seen["location"] = []any{location.City, location.NetworkZone}

	_, block, _ := net.ParseCIDR("10.1.0.0/16")
	_, inner, _ := net.ParseCIDR("10.1.1.0/24")
	network := must(client.Network.Create(ctx, hcloud.NetworkCreateOpts{Name: "go-net", IPRange: block}))
	wait(must(client.Network.AddSubnet(ctx, network, hcloud.NetworkAddSubnetOpts{Subnet: hcloud.NetworkSubnet{
		Type: hcloud.NetworkSubnetTypeCloud, IPRange: inner, NetworkZone: location.NetworkZone,
	}})))

	key := must(client.SSHKey.Create(ctx, hcloud.SSHKeyCreateOpts{
		Name: "go-key", PublicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPcFzHhGMvoLCHTPzwIBv0MDAuZcVJjTJcpS4iLsJkoD check",
	}))
	seen["fingerprint"] = len(key.Fingerprint)

	created := must(client.Server.Create(ctx, hcloud.ServerCreateOpts{
		Name: "go-1", ServerType: size, Image: image, Location: location, SSHKeys: []*hcloud.SSHKey{key},
		Networks: []*hcloud.Network{network}, Labels: map[string]string{"env": "test"},
	}))
	wait(append(created.NextActions, created.Action)...)
	server := must(client.Server.GetByName(ctx, "go-1"))
	seen["server"] = []any{server.Status, server.Location.Name, server.Image.Name, server.Labels["env"]}
	seen["private"] = server.PrivateNet[0].IP.String()

	_, err = func() (hcloud.ServerCreateResult, error) {
		result, _, err := client.Server.Create(ctx, hcloud.ServerCreateOpts{Name: "go-1", ServerType: size, Image: image})
		return result, err
	}()
	seen["name_twice"] = code(err)

	_, anywhere, _ := net.ParseCIDR("0.0.0.0/0")
	firewall := must(client.Firewall.Create(ctx, hcloud.FirewallCreateOpts{Name: "go-web"})).Firewall
	wait(must(client.Firewall.SetRules(ctx, firewall, hcloud.FirewallSetRulesOpts{Rules: []hcloud.FirewallRule{{
		Direction: hcloud.FirewallRuleDirectionIn, Protocol: hcloud.FirewallRuleProtocolTCP,
		Port: hcloud.Ptr("443"), SourceIPs: []net.IPNet{*anywhere},
	}}}))...)
	resource := hcloud.FirewallResource{
		Type: hcloud.FirewallResourceTypeServer, Server: &hcloud.FirewallResourceServer{ID: server.ID},
	}
	wait(must(client.Firewall.ApplyResources(ctx, firewall, []hcloud.FirewallResource{resource}))...)
	firewall = must(client.Firewall.GetByID(ctx, firewall.ID))
	seen["firewall"] = []any{*firewall.Rules[0].Port, len(firewall.AppliedTo)}
	wait(must(client.Firewall.RemoveResources(ctx, firewall, []hcloud.FirewallResource{resource}))...)

	volume := must(client.Volume.Create(ctx, hcloud.VolumeCreateOpts{Name: "go-data", Size: 10, Location: location}))
	wait(volume.Action)
	wait(must(client.Volume.Attach(ctx, volume.Volume, server)))
	attached := must(client.Volume.GetByID(ctx, volume.Volume.ID))
	seen["volume"] = []any{attached.Status, attached.Server.ID == server.ID}
	wait(must(client.Volume.Detach(ctx, volume.Volume)))

	ip := must(client.FloatingIP.Create(ctx, hcloud.FloatingIPCreateOpts{
		Type: hcloud.FloatingIPTypeIPv4, HomeLocation: location,
	})).FloatingIP
	wait(must(client.FloatingIP.Assign(ctx, ip, server)))
	seen["floating"] = must(client.FloatingIP.GetByID(ctx, ip.ID)).Server.ID == server.ID

	wait(must(client.Server.Shutdown(ctx, server)))
	seen["stopped"] = must(client.Server.GetByID(ctx, server.ID)).Status
	wait(must(client.Server.DeleteWithResult(ctx, server)).Action)
	left, err := client.Server.All(ctx)
	seen["left"] = []any{len(left), err}

	if err := json.NewEncoder(os.Stdout).Encode(seen); err != nil {
		panic(err)
	}
}
