import { defres, type Read, type Write } from 'openstack-client'
import type { Call } from '../call.ts'
import { readFrom, type Client } from '../openstack/public.ts'

/** An image as Nova tells it: what Glance calls properties is in its metadata. */
export interface NovaImage {
  id: string
  name?: string | null
  status: string
  created?: string
  updated?: string
  minRam?: number
  minDisk?: number
  metadata?: Record<string, string>
  server?: { id: string }
  'OS-EXT-IMG-SIZE:size'?: number
}

/** Calls of Nova's images: openstack-client has Glance's only. */
export const novaImage = {
  ...defres<{ show: Read<[id: string]>, del: Write<[id: string]> }>('compute', '/images', 'image', { only: ['show', 'del'] }),
  ...defres<{ list: Read }>('compute', '/images/detail', 'image', { only: ['list'] })
}

export const upstream = { service: 'compute' } as const

/** A page of images, at a token of `readFrom`. */
export const readImages = (client: Client, query: Record<string, unknown>, token: string | null, call: Call) =>
  readFrom(token, (marker) => client.list<NovaImage>(upstream, call, (access, region, headers) =>
    novaImage.list(access, region, { ...query, ...marker }, headers)))
