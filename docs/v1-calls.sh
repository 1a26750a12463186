#!/bin/bash
# Calls every route of /api/v1 with curl on the dummy cloud of a running server, and checks each answer.
# Usage: docs/v1-calls.sh [ADDRESS [USER PASSWORD]]. The script creates nodes and destroys them again.
set -euo pipefail
address=${1:-http://127.0.0.1:5070}
user=${2:-me}
password=${3:-any}
token=''

call() { # METHOD PATH [BODY]
  local body=()
  [ $# -lt 3 ] || body=(-d "$3")
  curl -s -X "$1" "$address/api/v1$2" -H "X-Auth-Token: $token" ${body[@]+"${body[@]}"}
}

# Calls a route, prints the answer, and fails if the answer does not contain a text.
expect() { # TEXT METHOD PATH [BODY]
  local expected=$1 answer; shift
  answer=$(call "$@")
  printf '%-4s %-28s %s\n' "$1" "$2" "$(printf '%s' "$answer" | cut -c1-150)"
  case $answer in
    *"$expected"*) ;;
    *) echo "Expected $expected" >&2; exit 1 ;;
  esac
}

expect '"status":"ok"' GET /
answer=$(call POST /auth "{\"username\":\"$user\",\"password\":\"$password\"}")
token=$(printf '%s' "$answer" | sed -n 's/.*"token":"\([^"]*\)".*/\1/p')
[ -n "$token" ] || { echo "POST /auth: $answer" >&2; exit 1; }
echo 'POST /auth                        a token'

expect '"served_cloud":[{"name":"default"' GET /cloud
expect '"nodes":[' GET /nodes
expect '"flavors":[' GET /sizes/default
expect '"flavors":[' GET /flavors
expect '"images":[' GET /images
expect '"tenants":[' GET /tenants

name=v1-calls-$$
start="{\"name\":\"$name\",\"image\":\"img-debian-12\",\"size\":\"dummy.small\",\"metadata\":{\"made_by\":\"v1-calls\"}}"
expect "\"name\":\"$name\"" POST /vm/start "$start"
expect 'opened' PUT /fw/open "{\"hostname\":\"$name\",\"port\":8443}"
expect 'closed' PUT /fw/close "{\"hostname\":\"$name\",\"port\":8443}"
assign="{\"hostname\":\"$name\",\"user\":\"ada\",\"vm_type\":\"billing\"}"
expect 'assigned' PUT /vm/action/assign "${assign%\}},\"emulate\":true}"
expect 'assigned' PUT /vm/action/assign "$assign"
expect "\"name\":\"$name\"" GET /vm/status
expect '"status_code":409' PUT /vm/action/assign "$assign"
expect 'released and deleted' PUT /vm/action/release "{\"hostname\":\"$name\"}"
expect "\"name\":\"$name\"" POST /vm/start/default "$start"
expect 'deleted' PUT /vm/stop "{\"hostname\":\"$name\"}"

expect '"status_code":400' PUT /vm/stop "{\"hostname\":\"$name\"}"
expect 'Malformed JSON stream' POST /vm/start '{"name"'
expect '"status_code":400' GET /nodes/no-such-cloud
expect 'Page not found' GET /no/such/page/at/all
echo 'All answers are as expected.'
