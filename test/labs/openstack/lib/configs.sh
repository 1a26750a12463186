# shellcheck shell=bash
# The configuration of each service. Sourced by openstack-lab, which sets the
# variables; what holds no variable is a file of its own beside this one.
# (Without cinder-resource_filters.json Cinder answers 400 to ?name=.)

dburl() { echo "mysql+pymysql://root@localhost/$1?unix_socket=$SOCK&charset=utf8"; }

authtoken() { # USER
  cat <<EOF
[keystone_authtoken]
www_authenticate_uri = $AUTH_URL
auth_url = $AUTH_URL
auth_type = password
username = $1
password = $SVC_PASS
project_name = service
user_domain_name = Default
project_domain_name = Default
region_name = RegionOne
service_token_roles = service
service_token_roles_required = true
EOF
}
authgroup() { # GROUP USER [extra lines]
  cat <<EOF

[$1]
auth_url = $AUTH_URL
auth_type = password
username = $2
password = $SVC_PASS
project_name = service
user_domain_name = Default
project_domain_name = Default
region_name = RegionOne
${3:-}
EOF
}

write_configs() {
  local transport="rabbit://lab:$SVC_PASS@$H:$P_AMQP/"

  # ---- MariaDB: unix socket only, no durability (it is a lab)
  cat >"$ETC/my.cnf" <<EOF
[mariadbd]
user = root
datadir = $DATA/mysql
socket = $SOCK
pid-file = $RUN/mariadb-own.pid
skip-networking
skip-grant-tables
skip-log-bin
skip-name-resolve
character-set-server = utf8mb3
collation-server = utf8mb3_general_ci
max_connections = 1000
innodb_buffer_pool_size = 128M
innodb_log_file_size = 48M
innodb_flush_log_at_trx_commit = 0
innodb_doublewrite = 0
innodb_flush_method = nosync
innodb_file_per_table = 0
performance_schema = 0
table_open_cache = 2000
EOF

  # ---- RabbitMQ
  cat >"$ETC/rabbitmq.conf" <<EOF
listeners.tcp.1 = $H:$P_AMQP
default_user = lab
default_pass = $SVC_PASS
loopback_users = none
disk_free_limit.absolute = 50MB
log.file = false
log.console = true
log.console.level = warning
EOF
  echo '[].' >"$ETC/rabbitmq_plugins"
  : >"$ETC/rabbitmq-env.conf"

  # ---- keystone
  mkdir -p "$ETC/keystone" "$ETC/placement"
  cat >"$ETC/keystone/keystone.conf" <<EOF
[DEFAULT]
use_stderr = true
[database]
connection = $(dburl keystone)
[token]
provider = fernet
expiration = $TOKEN_TTL
[fernet_tokens]
key_repository = $DATA/fernet-keys
[credential]
key_repository = $DATA/credential-keys
[identity]
password_hash_rounds = 4
EOF

  # ---- placement
  { cat <<EOF
[DEFAULT]
use_stderr = true
[placement_database]
connection = $(dburl placement)
[api]
auth_strategy = keystone
EOF
    authtoken placement; } >"$ETC/placement/placement.conf"

  # ---- glance
  { cat <<EOF
[DEFAULT]
bind_host = $H
bind_port = $P_GLANCE
workers = 0
use_stderr = true
enabled_import_methods = [web-download]
node_staging_uri = file://$DATA/glance/staging
[database]
connection = $(dburl glance)
[glance_store]
stores = file
default_store = file
filesystem_store_datadir = $DATA/glance/images
[paste_deploy]
flavor = keystone
config_file = $LIB/glance-api-paste.ini
[oslo_concurrency]
lock_path = $DATA/lock
EOF
    authtoken glance; } >"$ETC/glance-api.conf"

  # ---- nova
  { cat <<EOF
[DEFAULT]
my_ip = $H
host = lab-node1
state_path = $DATA/nova
use_stderr = true
transport_url = $transport
enabled_apis = osapi_compute
osapi_compute_listen = $H
osapi_compute_listen_port = $P_NOVA
osapi_compute_workers = 1
compute_driver = ${OSLAB_COMPUTE_DRIVER:-fake.LabDriver}
allow_resize_to_same_host = true
# A server stays SHELVED until an administrator frees its host.
shelved_offload_time = -1
# Servers that are held in BUILD must not hold up others.
max_concurrent_builds = 0
vif_plugging_is_fatal = false
vif_plugging_timeout = 0
report_interval = 5
service_down_time = 30
periodic_fuzzy_delay = 0
[wsgi]
api_paste_config = $LIB/nova-api-paste.ini
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 5
[quota]
instances = 250
cores = -1
ram = -1
[vnc]
enabled = true
server_listen = $H
server_proxyclient_address = $H
novncproxy_base_url = http://$H:6080/vnc_auto.html
[glance]
api_servers = http://$H:$P_GLANCE
[oslo_concurrency]
lock_path = $DATA/lock
[cache]
enabled = false
EOF
    authtoken nova
    authgroup placement placement
    authgroup neutron neutron
    authgroup cinder cinder "os_region_name = RegionOne"
    authgroup service_user nova "send_service_user_token = true"; } >"$ETC/nova.conf"
  # apart, because nova-compute must not be given a database
  cat >"$ETC/nova-db.conf" <<EOF
[database]
connection = $(dburl nova)
[api_database]
connection = $(dburl nova_api)
EOF

  # ---- neutron: the real ML2 plugin with the real openvswitch driver
  { cat <<EOF
[DEFAULT]
host = lab-node1
bind_host = $H
bind_port = $P_NEUTRON
state_path = $DATA/neutron
use_stderr = true
core_plugin = ml2
service_plugins = router,port_forwarding,tag
auth_strategy = keystone
transport_url = $transport
api_paste_config = $LIB/neutron-api-paste.ini
api_workers = 1
rpc_workers = 1
rpc_state_report_workers = 0
agent_down_time = 75
dhcp_agent_notification = false
notify_nova_on_port_status_changes = true
notify_nova_on_port_data_changes = true
[database]
connection = $(dburl neutron)
[ml2]
type_drivers = flat,vlan,vxlan,local
tenant_network_types = vxlan
mechanism_drivers = openvswitch
extension_drivers = port_security
[ml2_type_flat]
flat_networks = *
[ml2_type_vlan]
network_vlan_ranges = public:100:200
[ml2_type_vxlan]
vni_ranges = 1:4000
[securitygroup]
enable_security_group = true
[agent]
report_interval = 4
[quotas]
quota_network = 100
quota_subnet = 100
quota_port = 2000
quota_security_group = 100
quota_security_group_rule = 1000
[oslo_concurrency]
lock_path = $DATA/lock
EOF
    authtoken neutron
    authgroup nova nova; } >"$ETC/neutron.conf"

  # ---- cinder
  { cat <<EOF
[DEFAULT]
my_ip = $H
host = lab-node1
state_path = $DATA/cinder
use_stderr = true
auth_strategy = keystone
transport_url = $transport
api_paste_config = $LIB/cinder-api-paste.ini
osapi_volume_listen = $H
osapi_volume_listen_port = $P_CINDER
osapi_volume_workers = 1
enabled_backends = lab
glance_api_servers = http://$H:$P_GLANCE
default_volume_type = __DEFAULT__
report_interval = 5
service_down_time = 30
resource_query_filters_file = $LIB/cinder-resource_filters.json
quota_volumes = 100
quota_snapshots = 100
quota_gigabytes = 10000
[lab]
volume_backend_name = lab
volume_driver = ${OSLAB_VOLUME_DRIVER:-lab_cinder.LabVolumeDriver}
[database]
connection = $(dburl cinder)
[oslo_concurrency]
lock_path = $DATA/lock
EOF
    authtoken cinder
    authgroup nova nova
    authgroup service_user cinder "send_service_user_token = true"; } >"$ETC/cinder.conf"
}
