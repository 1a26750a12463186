import { defineDriver } from '../driver.ts'
import { connect } from './connection.ts'
import { createOptions } from './node-options.ts'
import { resolve, Settings } from './settings.ts'

/** Eucalyptus 4, in Amazon's protocol as it understands it. */
export default defineDriver({
  name: 'eucalyptus',
  title: 'Eucalyptus',
  settings: Settings,
  locationSetting: 'location',
  resolve,
  createOptions,
  connect
})
