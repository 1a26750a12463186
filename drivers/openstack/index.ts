import { defineDriver } from '../driver.ts'
import { resolve } from './clouds-yaml.ts'
import { createOptions } from './compute/node-options.ts'
import { Settings } from './client/settings.ts'
import { fromOriginal } from './original.ts'

/** OpenStack with Keystone v3: Nova's servers and flavors, Glance's images, Neutron's ports. */
export default defineDriver({
  name: 'openstack',
  title: 'OpenStack (Keystone v3)',
  settings: Settings,
  locationSetting: 'region_name',
  resolve,
  fromOriginal,
  createOptions,
  load: () => import('./connection.ts')
})
