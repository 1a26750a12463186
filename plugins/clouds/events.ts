import type { FastifyInstance } from 'fastify'
import type { ServiceName } from '../../drivers/driver.ts'
import type { CloudChange, Health } from '../../openapi/model/index.ts'
import type { NewEvent, StoredEvent } from '../events/event.ts'
import { createEventId } from '../events/writer.ts'
import { StoreConflict } from '../store/errors.ts'
import { exactlyOne } from '../store/tables.ts'
import type { Cloud } from './cloud.ts'

/** The service that an event has changed: that of the operation, or that of a direct change; null means all. */
function changedService ({ type, content }: StoredEvent): ServiceName | null | undefined {
  if (type === 'internal.changed') return (content as { service: ServiceName | null }).service
  if (!type.startsWith('operation.')) return undefined
  return (content as { kind: string }).kind.split('.', 1)[0] as ServiceName
}

function healthEvent ({ name, settings: { driver } }: Cloud, health: Health): NewEvent {
  const self = `/api/v2/clouds/${name}`
  const content: CloudChange = { name, driver, health, self }
  const type = health.status === 'down' ? 'cloud.down' : 'cloud.up'
  return { id: createEventId(), type, cloud: name, resource: self, content }
}

/**
 * Tells other servers what this one changes in clouds without an operation, drops what their changes make stale, and
 * reports clouds that no longer answer, or answer again: once, by the server that sees it first.
 */
export async function shareClouds ({ farm, store, events, log }: FastifyInstance) {
  const byName = new Map(farm.clouds.map((cloud) => [cloud.name, cloud]))

  events.onSeen((event) => {
    const cloud = byName.get(event.cloud ?? '')
    const service = changedService(event)
    if (cloud === undefined || service === undefined) return
    if (service === null) cloud.freshness.reset()
    else cloud.freshness.touch(service)
  })

  const tell = async (cloud: string, service: ServiceName | null) => {
    const event = { id: createEventId(), type: 'internal.changed', cloud, resource: null } as const
    const changes = events.changes([{ ...event, content: { service } }])
    if (changes.length > 0) await store.commit(changes)
  }

  const report = async (cloud: Cloud, health: Health) => {
    const state = health.status === 'down' ? 'down' : 'up'
    const change = store.updateTable('cloud_states').set({ state })
      .where('cloud', '=', cloud.name).where('state', '!=', state)
    try {
      await store.commit([
        exactlyOne(change),
        ...events.changes([healthEvent(cloud, health)])
      ])
    } catch (err) {
      if (err instanceof StoreConflict) return
      log.warn({ err, cloud: cloud.name }, 'the state of a cloud could not be reported')
    }
  }

  const enabled = farm.clouds.filter(({ settings }) => settings.enabled)
  if (enabled.length > 0) {
    await store.insertInto('cloud_states')
      .values(enabled.map(({ name }) => ({ cloud: name, state: 'up' })))
      .onConflict((conflict) => conflict.column('cloud').doNothing()).execute()
  }
  for (const cloud of enabled) {
    cloud.watch({
      onChange (service) {
        tell(cloud.name, service).catch((err: unknown) =>
          log.warn({ err, cloud: cloud.name }, 'other servers could not be told of a change')
        )
      },
      onHealth (health) {
        report(cloud, health)
      }
    })
  }
}
