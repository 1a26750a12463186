// The scenario of the clients in Go: main ORIGIN TOMORROW prints what it saw as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"slices"
	"time"

	"scenario/orchestrator"
)

const cloud, name = "default", "sdk-go"

var ctx = context.Background()

func connect(origin string) *orchestrator.APIClient {
	configuration := orchestrator.NewConfiguration()
	configuration.Servers = orchestrator.ServerConfigurations{{URL: origin}}
	return orchestrator.NewAPIClient(configuration)
}

// must returns the value of a call that has to succeed.
func must[T, R any](value T, _ R, err error) T {
	if err != nil {
		log.Fatal(codeOf(err), ": ", err)
	}
	return value
}

// codeOf returns the code of the problem with which a call has failed.
func codeOf(err error) string {
	var failure *orchestrator.GenericOpenAPIError
	if errors.As(err, &failure) {
		if problem, ok := failure.Model().(orchestrator.Problem); ok {
			return string(problem.Code)
		}
	}
	return "no problem"
}

func ended(api *orchestrator.APIClient, operation *orchestrator.Operation) *orchestrator.Operation {
	for operation.FinishedAt.Get() == nil {
		operation = must(api.OperationsAPI.GetOperation(ctx, operation.Id).Wait(30).Execute())
	}
	return operation
}

func countSizes(api *orchestrator.APIClient) int {
	count, request := 0, api.SizesAPI.ListSizes(ctx, cloud).Limit(2)
	for {
		page := must(request.Execute())
		count += len(page.Items)
		cursor := page.NextCursor.Get()
		if cursor == nil {
			return count
		}
		request = request.Cursor(*cursor)
	}
}

func main() {
	api := connect(os.Args[1])
	nodes, volumes := api.NodesAPI, api.VolumesAPI
	seen := map[string]any{"sizes": countSizes(api)}

	create := orchestrator.NodeCreate{Name: name, ImageId: "img-debian-12", SizeId: "dummy.small"}
	created := must(nodes.CreateNode(ctx, cloud).NodeCreate(create).
		Prefer("wait=30").IdempotencyKey(time.Now().Format(time.RFC3339Nano)).Execute())
	seen["created"] = created.Status
	id := created.Resource.Get().Id
	node := func() *orchestrator.Node { return must(nodes.GetNode(ctx, cloud, id).Execute()) }

	volume := orchestrator.VolumeCreate{Name: ptr(name), Size: ptr[int32](2)}
	made := ended(api, must(volumes.CreateVolume(ctx, cloud).VolumeCreate(volume).Execute()))
	seen["polled"] = made.Status
	volumeId := made.Resource.Get().Id

	ended(api, must(nodes.StopNode(ctx, cloud, id).Execute()))
	seen["stopped"] = node().State
	ended(api, must(nodes.StartNode(ctx, cloud, id).Execute()))
	seen["started"] = node().State
	resize := orchestrator.NodeResize{SizeId: "dummy.medium"}
	ended(api, must(nodes.ResizeNode(ctx, cloud, id).NodeResize(resize).Execute()))
	ended(api, must(nodes.ConfirmResizeNode(ctx, cloud, id).Execute()))
	seen["resized"] = node().SizeId.Get()

	attach := orchestrator.VolumeAttach{NodeId: id}
	ended(api, must(volumes.AttachVolume(ctx, cloud, volumeId).VolumeAttach(attach).Execute()))
	seen["attached"] = slices.Contains(node().VolumeIds, volumeId)

	partial := must(nodes.ListNodes(ctx, cloud).Name(name).Fields([]string{"name", "state"}).Execute())
	seen["fields"] = []map[string]any{{"name": partial.Items[0].Name.Get(), "state": partial.Items[0].State}}

	_, _, err := nodes.RevertResizeNode(ctx, cloud, id).Execute()
	seen["refused"] = codeOf(err)

	later := connect(os.Args[2])
	must(later.CloudsAPI.ListClouds(ctx).Execute())
	must(later.ImagesAPI.ListImages(ctx, cloud).Execute())
	must(later.VolumesAPI.ListVolumes(ctx, cloud).Execute())
	_, _, err = later.NodesAPI.GetNode(ctx, cloud, "node-00000000").Execute()
	seen["tomorrow"] = []any{
		must(later.NodesAPI.ListNodes(ctx, cloud).Name(name).Execute()).Items[0].State,
		must(later.OperationsAPI.ListOperations(ctx).Execute()).Items[0].Status,
		codeOf(err),
	}

	ended(api, must(volumes.DetachVolume(ctx, cloud, volumeId).Execute()))
	ended(api, must(volumes.DeleteVolume(ctx, cloud, volumeId).Execute()))
	seen["destroyed"] = ended(api, must(nodes.DestroyNode(ctx, cloud, id).Execute())).Status
	seen["left"] = len(must(nodes.ListNodes(ctx, cloud).Name(name).Execute()).Items)
	if err := json.NewEncoder(os.Stdout).Encode(seen); err != nil {
		log.Fatal(err)
	}
}

func ptr[T any](value T) *T { return &value }
