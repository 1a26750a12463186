import { defineDriver } from '../driver.ts'
import { createOptions } from './compute/node-options.ts'
import { aliases, fromOriginal, resolve, Settings } from './settings.ts'

/** Amazon EC2: one account in one region. */
export default defineDriver({
  name: 'ec2',
  title: 'Amazon EC2',
  settings: Settings,
  locationSetting: 'location',
  aliases,
  resolve,
  fromOriginal,
  createOptions,
  load: () => import('./connection.ts')
})
