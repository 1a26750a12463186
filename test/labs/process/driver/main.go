// A driver in Go, written from drivers/process/README.md alone. Its cloud is a few servers in the memory of the process.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"
)

type object = map[string]any

type input struct {
	Name  string            `json:"name"`
	Image string            `json:"image_id"`
	Size  string            `json:"size_id"`
	Tags  map[string]string `json:"tags"`
}

// message is a request or a notification of the server. Its parameters are those of all methods together.
type message struct {
	ID     int // 0 for a notification
	Method string
	Params struct {
		ID, Operation string
		Query         struct {
			Limit int
			Token string
		}
		Input input
		Call  struct{ Operation string }
	}
}

// problem is an error of the catalog, at a field of the request if it has a pointer.
type problem struct{ code, text, pointer string }

type server struct {
	id, operation, state, created string
	input
}

const description = `{
	"name": "tiny", "contract_version": 1,
	"settings": {"type": "object", "properties": {"token": {"type": "string", "format": "password"}}},
	"ids": {"nodes": "^srv-[0-9]{1,9}$", "images": "^[a-z0-9-]{1,32}$", "sizes": "^[a-z]{1,16}$"},
	"capabilities": {
		"nodes.create": {"parameters": ["name", "image_id", "size_id", "tags"]}, "nodes.find_created": {},
		"nodes.list": {}, "nodes.get": {}, "nodes.destroy": {}, "nodes.start": {}, "nodes.stop": {}, "nodes.reboot": {},
		"images.list": {}, "images.get": {}, "sizes.list": {}, "sizes.get": {}
	}
}`

var (
	servers []*server
	lastID  int
	images  = []object{{"id": "debian-12", "name": "Debian 12", "state": "available"}}
	sizes   = []object{
		{"id": "small", "name": "Small", "state": "available", "vcpus": 1, "ram": 1024, "disk": 10},
		{"id": "large", "name": "Large", "state": "available", "vcpus": 4, "ram": 8192, "disk": 40}}
)

// show returns a server as a node. The server of the API adds the fields that are left out.
func show(one *server) object {
	node := object{"id": one.id, "name": one.Name, "state": one.state, "provider_state": one.state, "tags": one.Tags,
		"size_id": one.Size, "image_id": one.Image, "created_at": one.created, "public_ips": []string{"192.0.2.1"},
		"extra":     object{"operation": one.operation},
		"addresses": []object{{"address": "192.0.2.1", "version": 4, "scope": "public", "kind": "fixed"}}}
	if one.state == "stopped" { // This cloud cannot reboot a stopped server.
		node["allowed_actions"] = []string{"start", "destroy"}
	}
	return node
}

func page(m message, all []object) (any, *problem) {
	start, _ := strconv.Atoi(m.Params.Query.Token) // The first page has no token.
	end := min(start+m.Params.Query.Limit, len(all))
	result := object{"items": all[min(start, end):end]}
	if end < len(all) {
		result["next"] = strconv.Itoa(end)
	}
	return result, nil
}

func get(all []object, id string) (any, *problem) {
	for _, item := range all {
		if item["id"] == id {
			return item, nil
		}
	}
	return nil, &problem{"resource_not_found", "There is no " + id, ""}
}

// change is the answer of a change, which ends when the server has this state, or is gone.
func change(id, state string) (any, *problem) {
	until := object{"states": []string{state}}
	if state == "" {
		until = object{"states": []string{}, "gone": true}
	}
	return object{"resources": []object{{"kind": "node", "id": id}}, "until": until}, nil
}

func create(m message) (any, *problem) {
	if _, missing := get(images, m.Params.Input.Image); missing != nil {
		return nil, &problem{"validation_failed", missing.text, "/image_id"}
	}
	if _, missing := get(sizes, m.Params.Input.Size); missing != nil {
		return nil, &problem{"validation_failed", missing.text, "/size_id"}
	}
	lastID++
	id, now := fmt.Sprintf("srv-%d", lastID), time.Now().UTC().Format(time.RFC3339)
	servers = append(servers, &server{id, m.Params.Call.Operation, "running", now, m.Params.Input})
	return change(id, "running")
}

func onServer(m message) (any, *problem) {
	at := slices.IndexFunc(servers, func(one *server) bool { return one.id == m.Params.ID })
	if at < 0 {
		return nil, &problem{"resource_not_found", "There is no server " + m.Params.ID, ""}
	}
	one := servers[at]
	switch m.Method {
	case "nodes.get":
		return show(one), nil
	case "nodes.destroy":
		servers = slices.Delete(servers, at, at+1)
		return change(one.id, "")
	case "nodes.stop":
		one.state = "stopped"
	default: // nodes.start and nodes.reboot
		one.state = "running"
	}
	return change(one.id, one.state)
}

func answer(m message) (any, *problem) {
	switch m.Method {
	case "describe":
		return json.RawMessage(description), nil
	case "check":
		return nil, nil
	case "nodes.list", "nodes.find_created":
		nodes, found := []object{}, []object{}
		for _, one := range servers {
			nodes = append(nodes, show(one))
			if one.operation == m.Params.Operation {
				found = append(found, object{"kind": "node", "id": one.id})
			}
		}
		if m.Method == "nodes.find_created" {
			return found, nil
		}
		return page(m, nodes)
	case "nodes.create":
		return create(m)
	case "images.list":
		return page(m, images)
	case "images.get":
		return get(images, m.Params.ID)
	case "sizes.list":
		return page(m, sizes)
	case "sizes.get":
		return get(sizes, m.Params.ID)
	}
	return onServer(m)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var m message
		if json.Unmarshal(lines.Bytes(), &m) != nil || m.ID == 0 {
			continue // Nothing here takes so long that it must be cancelled.
		}
		result, refused := answer(m)
		reply := object{"jsonrpc": "2.0", "id": m.ID, "result": result}
		if refused != nil {
			data := object{"code": refused.code}
			if refused.pointer != "" {
				data["errors"] = []object{{"pointer": refused.pointer, "message": refused.text}}
			}
			failure := object{"code": -32000, "message": refused.text, "data": data}
			reply = object{"jsonrpc": "2.0", "id": m.ID, "error": failure}
		}
		text, _ := json.Marshal(reply)
		fmt.Println(string(text))
	}
}
