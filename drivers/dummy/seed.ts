import { images, impossibleSize, sizes, zonesOf } from './catalog.ts'
import { seedNics } from './network/builtin.ts'
import { createRandom, hexOf } from './random.ts'
import type { Settings } from './settings.ts'
import { mapState } from './states.ts'
import type { Step, StoredNode, StoredState } from './stored.ts'

const firstCreated = Date.parse('2026-01-01T00:00:00.000Z')
const environments = ['prod', 'staging', 'dev']
const roles = ['web', 'db', 'worker', 'cache']

/** The sizes that each image fits. */
const fitting = [...images.values()].map((image) => ({
  image, sizes: [...sizes.values()].filter((size) => size.id !== impossibleSize && size.ram >= image.min_ram && size.disk >= image.min_disk)
}))

/** Where a node seeded in a passing state arrives. */
function stepsOf (status: string, task: string | null, seconds: number | undefined): Step[] {
  const { state, transitioning } = mapState(status, task)
  if (!transitioning || seconds === undefined) return []
  const then = state === 'terminating' ? { gone: true } : { status: 'ACTIVE', task: null, progress: null }
  return [{ at: Date.now() + seconds * 1000, then }]
}

/** The state of a cloud on its first day: the nodes that the settings ask for, the same for the same seed. */
export function seedState ({ nodes: count, seed, location, provider_states: states, delays }: Settings): StoredState {
  const random = createRandom(seed)
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!
  const ids = new Set<string>()
  const newId = () => {
    for (;;) {
      const id = `node-${hexOf(random)}`
      if (ids.has(id)) continue
      ids.add(id)
      return id
    }
  }

  const node = (_: unknown, seq: number): StoredNode => {
    const { image, sizes } = pick(fitting)
    const [status, task = null] = states[seq % states.length]!.split('/') as [string, string?]
    const createdAt = firstCreated + seq * 60_000
    return {
      seq,
      id: newId(),
      name: `node-${String(seq + 1).padStart(4, '0')}`,
      status,
      task,
      progress: null,
      steps: stepsOf(status, task, delays.seeded),
      size_id: pick(sizes).id,
      image_id: image.id,
      before: null,
      key_pair_name: 'dummy-key',
      availability_zone: pick(zonesOf(location)),
      // No two have the same place, so no address is taken.
      nics: seedNics(seq, random),
      tags: { env: pick(environments), role: pick(roles) },
      protected: false,
      fault: status === 'ERROR' ? { code: '500', message: 'The node failed.' } : null,
      user_data_bytes: null,
      created_at: createdAt,
      updated_at: createdAt,
      launched_at: createdAt,
      operation: null
    }
  }

  return { version: 1, next_seq: count, nodes: Array.from({ length: count }, node), departed: [] }
}
