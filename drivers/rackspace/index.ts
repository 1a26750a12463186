import { defineDriver } from '../driver.ts'
import { createOptions } from './node-options.ts'
import { aliases, fromOriginal, resolve, Settings } from './settings.ts'

/**
 * Rackspace's public cloud: Nova v2 and Cinder v1 behind Identity v2.0. What Rackspace offers with
 * Keystone v3 is plain OpenStack.
 */
export default defineDriver({
  name: 'rackspace',
  title: 'Rackspace (public cloud, Identity v2.0)',
  settings: Settings,
  locationSetting: 'region',
  aliases,
  resolve,
  fromOriginal,
  createOptions,
  load: () => import('./connection.ts')
})
