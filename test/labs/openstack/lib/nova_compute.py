"""nova-compute with Nova's FakeDriver, plus what that leaves out."""
import io
import os
import sys
import time

sys.argv[0] = 'nova-compute'
import nova.cmd.compute as cmd          # patches eventlet first
from nova import context as nova_context, exception, objects
from nova.compute import power_state, task_states
from nova.image import glance
from nova.virt import fake

DELAY = float(os.environ.get('OSLAB_SPAWN_DELAY') or 0)
# While this file exists, servers named `building-*` stay in BUILD.
HOLD = os.environ.get('OSLAB_HOLD_FILE', '')


class LabDriver(fake.FakeDriver):
    """FakeDriver; it also uploads snapshots, rescues volumes, and survives a restart."""
    capabilities = {**fake.FakeDriver.capabilities, 'supports_bfv_rescue': True}

    def init_host(self, host):
        super().init_host(host)
        ctx = nova_context.get_admin_context()
        for i in objects.InstanceList.get_by_host(ctx, host):
            state = i.power_state or power_state.SHUTDOWN
            self.instances[i.uuid] = fake.FakeInstance(i.name, state, i.uuid)
            try:
                self.resources.claim(vcpus=i.flavor.vcpus,
                                     mem=i.flavor.memory_mb,
                                     disk=i.flavor.root_gb)
            except Exception:
                pass

    def spawn(self, context, instance, *args, **kwargs):
        if DELAY:
            time.sleep(DELAY)           # seen as BUILD/spawning by clients
        while instance.display_name.startswith('building-') and os.path.exists(HOLD):
            time.sleep(1)
        return super().spawn(context, instance, *args, **kwargs)

    def snapshot(self, context, instance, image_id, update_task_state):
        # FakeDriver stops after the state change, and the image would
        # stay `queued` for ever. Upload as libvirt does.
        if instance.uuid not in self.instances:
            raise exception.InstanceNotRunning(instance_id=instance.uuid)
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        update_task_state(task_state=task_states.IMAGE_UPLOADING,
                          expected_state=task_states.IMAGE_PENDING_UPLOAD)
        api = glance.API()
        meta = api.get(context, image_id)
        info = {'status': 'active',
                'disk_format': meta.get('disk_format') or 'raw',
                'container_format': meta.get('container_format') or 'bare',
                'properties': {'image_state': 'available',
                               'owner_id': instance.project_id}}
        api.update(context, image_id, info, io.BytesIO(b'\0' * 4096),
                   purge_props=False)


fake.LabDriver = LabDriver
sys.exit(cmd.main())
