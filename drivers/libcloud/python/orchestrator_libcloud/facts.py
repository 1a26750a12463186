"""Facts about providers that Libcloud does not express. Statuses are those of the providers' own APIs."""

# The drivers of this server that serve a provider better.
NATIVE = {'ec2': 'ec2', 'openstack': 'openstack', 'eucalyptus': 'eucalyptus', 'rackspace': 'rackspace'}

# Providers whose service has ended.
GONE = {
    'azure': 'Azure ended its classic deployment model in August 2024; use azure_arm',
    'rackspace_first_gen': "Rackspace closed its first generation of cloud servers; use the driver rackspace",
    'equinixmetal': 'Equinix Metal ended in June 2026',
    'terremark': 'Terremark vCloud Express was closed',
    'vpsnet': 'VPS.net closed its API',
    'maxihost': 'Maxihost became Latitude.sh, which has another API',
    'aurora_compute': 'PCextreme closed Aurora Compute',
    'nimbus': 'The Nimbus science clouds were closed',
}

# Drivers whose destroy_node only powers the node off.
NO_DESTROY = {'libvirt'}
# Drivers whose stop_node gives the node up.
STOP_DESTROYS = {'nimbus', 'eucalyptus', 'vcl'}
# Drivers that keep their nodes in memory.
IN_MEMORY = {'dummy'}

# Provider → ISO 4217 currency and hours of the prices of its sizes. Other prices have no known unit.
PRICES = {'digitalocean': ('USD', 1), 'linode': ('USD', 1), 'rackspace': ('USD', 1), 'ec2': ('USD', 1)}

# Provider → factors of the memory (to MiB) and the disk (to GiB) of its sizes.
UNITS = {'brightbox': (1, 1 / 1024), 'aliyun_ecs': (1024, 1), 'linode': (1, 1 / 1024)}

CLOUDSTACK = {
    'Running': 'running', 'Starting': 'starting', 'Migrating': 'migrating', 'Stopped': 'stopped', 'Stopping': 'stopping',
    'Destroyed': 'terminated', 'Expunging': 'terminating', 'Error': 'error',
}
NOVA = {
    'BUILD': 'pending', 'REBUILD': 'reconfiguring', 'ACTIVE': 'running', 'SUSPENDED': 'suspended', 'PAUSED': 'paused',
    'SHUTOFF': 'stopped', 'DELETED': 'terminated', 'SOFT_DELETED': 'terminated', 'QUEUE_RESIZE': 'reconfiguring',
    'PREP_RESIZE': 'reconfiguring', 'RESIZE': 'reconfiguring', 'VERIFY_RESIZE': 'running', 'PASSWORD': 'reconfiguring',
    'RESCUE': 'rescued', 'REBOOT': 'rebooting', 'HARD_REBOOT': 'rebooting', 'MIGRATING': 'migrating',
    'SHELVED': 'suspended', 'SHELVED_OFFLOADED': 'suspended', 'ERROR': 'error', 'UNKNOWN': 'unknown',
}
EC2 = {
    'pending': 'pending', 'running': 'running', 'shutting-down': 'terminating', 'terminated': 'terminated',
    'stopping': 'stopping', 'stopped': 'stopped',
}
VCLOUD = {
    '-1': 'error', '0': 'pending', '1': 'pending', '2': 'pending', '3': 'suspended', '4': 'running', '8': 'stopped',
}

# Provider → its own status → state. A status that is not here has the state of Libcloud.
STATES = {
    **dict.fromkeys(['cloudstack', 'exoscale', 'ikoula', 'aurora_compute', 'ktucloud'], CLOUDSTACK),
    **dict.fromkeys(['openstack', 'rackspace', 'rackspace_first_gen'], NOVA),
    **dict.fromkeys(['ec2', 'eucalyptus', 'nimbus', 'outscale_sas', 'outscale_inc', 'outscale'], EC2),
    'vcloud': VCLOUD,
    'terremark': {'0': 'pending', '1': 'pending', '2': 'stopped', '3': 'suspended', '4': 'running'},
    'brightbox': {
        'creating': 'pending', 'active': 'running', 'inactive': 'stopped', 'deleting': 'terminating',
        'deleted': 'terminated', 'failed': 'error', 'unavailable': 'unknown',
    },
    'cloudscale': {'changing': 'reconfiguring'},
    'cloudsigma': {
        'active': 'running', 'stopped': 'stopped', 'dead': 'error', 'dumped': 'suspended', 'starting': 'starting',
        'stopping': 'stopping', 'unavailable': 'error', 'running': 'running', 'paused': 'paused',
    },
    'digitalocean': {'new': 'pending', 'active': 'running', 'off': 'stopped', 'archive': 'terminated'},
    'equinixmetal': {
        'queued': 'pending', 'provisioning': 'pending', 'rebuilding': 'reconfiguring', 'powering_on': 'starting',
        'powering_off': 'stopping', 'rebooting': 'rebooting', 'inactive': 'stopped', 'deleted': 'terminated',
        'deprovisioning': 'terminating', 'failed': 'error', 'active': 'running',
    },
    'gce': {
        'PROVISIONING': 'pending', 'STAGING': 'pending', 'RUNNING': 'running', 'STOPPING': 'stopping',
        'SUSPENDING': 'stopping', 'SUSPENDED': 'suspended', 'TERMINATED': 'stopped', 'REPAIRING': 'reconfiguring',
    },
    'gandi': {
        'running': 'running', 'halted': 'stopped', 'paused': 'paused', 'locked': 'suspended', 'being_created': 'pending',
        'invalid': 'error', 'legally_locked': 'suspended', 'deleted': 'terminated',
    },
    'opennebula': {
        'INIT': 'pending', 'PENDING': 'pending', 'HOLD': 'pending', 'ACTIVE': 'running', 'STOPPED': 'suspended',
        'SUSPENDED': 'suspended', 'DONE': 'terminated', 'FAILED': 'error', 'POWEROFF': 'stopped',
        'UNDEPLOYED': 'stopped',
    },
    'abiquo': {
        'NOT_ALLOCATED': 'stopped', 'ALLOCATED': 'pending', 'CONFIGURED': 'pending', 'ON': 'running', 'PAUSED': 'paused',
        'OFF': 'stopped', 'LOCKED': 'reconfiguring', 'UNKNOWN': 'unknown',
    },
    **dict.fromkeys(['dimensiondata', 'internetsolutions', 'ntta', 'nttcis'], {
        'PENDING_ADD': 'pending', 'PENDING_DELETE': 'terminating', 'FAILED_ADD': 'error', 'FAILED_CHANGE': 'error',
        'FAILED_DELETE': 'error', 'REQUIRES_SUPPORT': 'error',
    }),
    'libvirt': {
        '0': 'unknown', '1': 'running', '2': 'running', '3': 'paused', '4': 'stopping', '5': 'stopped', '6': 'error',
        '7': 'suspended',
    },
    'aliyun_ecs': {
        'Starting': 'starting', 'Running': 'running', 'Stopping': 'stopping', 'Stopped': 'stopped', 'Deleted': 'terminated',
    },
    'azure_arm': {
        'creating': 'pending', 'updating': 'reconfiguring', 'deleting': 'terminating', 'failed': 'error',
    },
    'linode': {
        'running': 'running', 'offline': 'stopped', 'booting': 'starting', 'rebooting': 'rebooting',
        'shutting_down': 'stopping', 'provisioning': 'pending', 'deleting': 'terminating', 'migrating': 'migrating',
        'rebuilding': 'reconfiguring', 'cloning': 'reconfiguring', 'restoring': 'reconfiguring', 'stopped': 'stopped',
        '-2': 'error', '-1': 'pending', '0': 'pending', '1': 'running', '2': 'stopped', '3': 'stopping', '4': 'stopped',
    },
    'scaleway': {
        'running': 'running', 'stopped': 'stopped', 'stopped in place': 'stopped', 'starting': 'starting',
        'stopping': 'stopping', 'locked': 'suspended',
    },
    'upcloud': {'started': 'running', 'stopped': 'stopped', 'maintenance': 'reconfiguring', 'error': 'error'},
    'vultr': {
        'pending': 'pending', 'active': 'running', 'halted': 'stopped', 'rebooting': 'rebooting',
        'resizing': 'reconfiguring', 'suspended': 'suspended', 'stopped': 'stopped',
    },
    'vsphere': {'powered_on': 'running', 'powered_off': 'stopped', 'suspended': 'suspended',
                'poweredOn': 'running', 'poweredOff': 'stopped'},
}

# Libcloud's own states. NORMAL and UPDATING are used by Azure alone.
LIBCLOUD_STATES = {
    'running': 'running', 'starting': 'starting', 'rebooting': 'rebooting', 'terminated': 'terminated',
    'pending': 'pending', 'unknown': 'unknown', 'stopping': 'stopping', 'stopped': 'stopped', 'suspended': 'suspended',
    'error': 'error', 'paused': 'paused', 'reconfiguring': 'reconfiguring', 'migrating': 'migrating',
    'normal': 'running', 'updating': 'reconfiguring',
}

# Provider → state of Libcloud → state, for drivers that do not keep the status.
OVERRIDES = {
    # Libcloud says terminated for NOT_ALLOCATED: a machine that is on no host and can be started.
    'abiquo': {'terminated': 'stopped'},
}

VOLUME_STATES = {
    'available': 'available', 'error': 'error', 'inuse': 'in_use', 'creating': 'creating', 'deleting': 'deleting',
    'deleted': 'deleted', 'backup': 'backing_up', 'attaching': 'attaching', 'migrating': 'migrating',
    'updating': 'updating',
}
SNAPSHOT_STATES = {
    'available': 'available', 'error': 'error', 'creating': 'creating', 'deleting': 'deleting',
    'restoring': 'restoring', 'updating': 'creating',
}

# The common ex_ names of methods, best first. Each is used only if its signature takes what it is given.
EX = {
    'get_node': ('ex_get_node', 'ex_get_node_details'),
    'start_node': ('start_node', 'ex_start_node', 'ex_power_on_node', 'ex_power_on'),
    'stop_node': ('stop_node', 'ex_stop_node', 'ex_shutdown_node', 'ex_power_off_node', 'ex_shutdown'),
    'pause': ('ex_pause_node', 'ex_pause'),
    'suspend': ('ex_suspend_node', 'ex_suspend'),
    'resume': ('ex_resume_node', 'ex_resume', 'ex_unpause_node'),
    'rescue': ('ex_rescue_node', 'ex_rescue'),
    'unrescue': ('ex_unrescue_node', 'ex_unrescue'),
    'rebuild': ('ex_rebuild_node', 'ex_rebuild'),
    'resize': ('ex_resize_node', 'ex_resize', 'ex_change_node_size', 'ex_scale_node', 'ex_node_resize'),
    'rename': ('ex_rename_node', 'ex_set_server_name', 'ex_set_node_name'),
    'console': ('ex_get_console_output',),
    'get_volume': ('ex_get_volume',),
    'extend_volume': ('ex_resize_volume', 'ex_volume_resize', 'ex_extend_volume'),
    'list_snapshots': ('ex_list_snapshots', 'list_snapshots'),
    'list_networks': ('ex_list_networks',),
    'create_network': ('ex_create_network',),
    'delete_network': ('ex_delete_network', 'ex_destroy_network'),
    'list_groups': ('ex_list_security_groups',),
    'create_group': ('ex_create_security_group',),
    'delete_group': ('ex_delete_security_group',),
}

# The common ex_ methods that change the tags of a node, best first: the first parameters of each, by which it is
# recognized, and how it works. `whole` replaces all tags, `add` keeps the others and has a method that deletes some.
TAGS = (
    ('ex_set_metadata', ('node', 'metadata'), 'whole'),
    ('ex_create_tags', ('resource', 'tags', 'replace'), 'whole'),
    ('ex_create_tags', ('resource', 'tags'), 'add'),
    ('ex_create_tags', ('resource_ids', 'resource_type', 'tags'), 'add'),
)
# What such a method deletes: a map of tags, or their names.
DELETE_TAGS = (
    ('ex_delete_tags', ('resource', 'tags')),
    ('ex_delete_tags', ('resource_ids', 'resource_type', 'tag_keys')),
)
# Drivers whose methods for tags do nothing.
NO_TAGS = {'nimbus'}

# The field of a create → the names of the parameter of create_node.
CREATE = {
    'key_pair_name': ('ex_keyname', 'ex_key_name', 'ex_keypair', 'keypairs'),
    'user_data': ('ex_userdata', 'ex_user_data', 'user_data', 'ex_customdata', 'cloud_init'),
    'security_group_ids': ('ex_security_group_ids', 'ex_security_groups', 'security_groups'),
    'networks': ('ex_network', 'networks', 'ex_networks', 'ex_network_ids'),
    'tags': ('ex_metadata', 'ex_tags', 'ex_labels'),
    'availability_zone': ('location', 'ex_availability_zone', 'ex_zone', 'ex_location'),
}
# Parameters of create_node whose value is a list.
LISTS = {'keypairs', 'ex_security_group_ids', 'ex_security_groups', 'security_groups', 'networks', 'ex_networks',
         'ex_network_ids'}
