import type { Image, ImageState } from '../../../openapi/model/index.ts'
import { builtInImages, type Store } from '../engine/index.ts'

const states = new Map<string, ImageState>(Object.entries(
  {
    queued: 'pending',
    saving: 'pending',
    importing: 'pending',
    active: 'available',
    pending_delete: 'deleting',
    killed: 'error'
  } satisfies Record<string, ImageState>
))

export const imageStateOf = (status: string): ImageState => states.get(status) ?? 'unknown'

export interface UsableImage {
  name: string
  min_ram: number
  min_disk: number
  os: Image['os']
  isAvailable: boolean
}

export function findImage ({ images }: Store, id: string): UsableImage | undefined {
  const builtIn = builtInImages.get(id)
  if (builtIn !== undefined) return { ...builtIn, isAvailable: true }
  const image = images.find(id)?.data
  return image && { ...image, isAvailable: imageStateOf(image.status) === 'available' }
}
