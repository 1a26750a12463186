import type { Image } from '../../../openapi/model/index.ts'
import { images as builtIn } from '../catalog.ts'
import type { Store } from '../store.ts'
import { imageState } from './states.ts'

/** What an image asks of those who use it. */
export interface UsableImage {
  name: string
  min_ram: number
  min_disk: number
  os: Image['os']
  /** Whether it is complete, so that something can be made of it. */
  usable: boolean
}

/** An image, built in or made by the account. */
export function findImage ({ images }: Store, id: string): UsableImage | undefined {
  const always = builtIn.get(id)
  if (always !== undefined) return { ...always, usable: true }
  const own = images.find(id)?.data
  return own === undefined ? undefined : { ...own, usable: imageState(own.status) === 'available' }
}
