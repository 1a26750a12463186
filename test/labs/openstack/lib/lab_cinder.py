"""Cinder's fake driver, plus what its LVM parent would really do."""
import tempfile

from cinder.tests import fake_driver
from cinder.volume import volume_utils


class LabVolumeDriver(fake_driver.FakeLoggingVolumeDriver):
    """A volume is a row in the database: there is no content to copy."""

    def _update_volume_stats(self):
        super()._update_volume_stats()
        self._stats['pools'][0]['multiattach'] = True

    def extend_volume(self, volume, new_size):
        pass

    def clone_image(self, context, volume, image_location, image_meta, image_service):
        return {}, True                 # volume from image: nothing to copy

    def copy_image_to_volume(self, context, volume, image_service, image_id,
                             disable_sparse=False):
        pass

    def copy_volume_to_image(self, context, volume, image_service, image_meta):
        with tempfile.NamedTemporaryFile() as f:
            f.write(b'\0' * 4096)
            f.flush()
            volume_utils.upload_volume(context, image_service, image_meta,
                                       f.name, volume)

    def revert_to_snapshot(self, context, volume, snapshot):
        pass

    def update_migrated_volume(self, ctxt, volume, new_volume, original_volume_status):
        return {'_name_id': None, 'provider_location': None}

    def retype(self, ctxt, volume, new_type, diff, host):
        return True
