import { defineDriver } from '../driver.ts'
import { createOptions } from './node-options.ts'
import { fromOriginal, resolve, Settings } from './settings.ts'

/** Eucalyptus 4, by its dialect of Amazon's protocol. */
export default defineDriver({
  name: 'eucalyptus',
  title: 'Eucalyptus',
  settings: Settings,
  locationSetting: 'location',
  resolve,
  fromOriginal,
  createOptions,
  load: () => import('./connection.ts')
})
