import { randomUUID } from 'node:crypto'
import { Fault, nothing, ok, stamp, type Asked } from './answer.ts'
import type { Answer } from './behaviour.ts'
import { findServer, flavors, newPassword, type Server, type State } from './state.ts'

interface Action {
  /** Statuses that allow it. */
  from: readonly string[]
  run (server: Server, value: any, asked: Asked): Answer
}

/** `POST /servers/{id}/action`: Nova's actions that Rackspace supports. */
export function createActions (state: State) {
  const { behaviour } = state
  const go = (server: Server, stages: Array<[status: string, task?: string]>, done?: () => void) => {
    state.send(server, stages.map(([status, task]) => ({ status, task: task ?? null })), done)
    return nothing(202)
  }

  const actions: Record<string, Action> = {
    'os-start': { from: ['SHUTOFF'], run: (server) => go(server, [['SHUTOFF', 'powering-on'], ['ACTIVE']]) },
    'os-stop': { from: ['ACTIVE', 'ERROR'], run: (server) => go(server, [['ACTIVE', 'powering-off'], ['SHUTOFF']]) },
    reboot: {
      from: ['ACTIVE', 'SHUTOFF', 'ERROR'],
      run (server, { type } = {}) {
        if (type !== 'SOFT' && type !== 'HARD') throw new Fault(400, "Argument 'type' for reboot is not HARD or SOFT")
        if (type === 'SOFT' && server.stage.status !== 'ACTIVE') throw wrongState(server, 'reboot')
        return go(server, [type === 'SOFT' ? ['REBOOT', 'rebooting'] : ['HARD_REBOOT', 'rebooting_hard'], ['ACTIVE']])
      }
    },
    resize: {
      from: ['ACTIVE', 'SHUTOFF'],
      run (server, { flavorRef } = {}) {
        if (!flavors.some(({ id }) => id === flavorRef)) throw new Fault(400, 'Unable to locate requested flavor.')
        if (flavorRef === server.flavor) throw new Fault(400, 'When resizing, instances must change flavor!')
        return go(server, [...behaviour.resizing.map((status): [string] => [status]), ['VERIFY_RESIZE']], () => {
          server.oldFlavor = server.flavor
          server.flavor = flavorRef
        })
      }
    },
    confirmResize: {
      from: ['VERIFY_RESIZE'],
      run: (server) => {
        go(server, [['ACTIVE']])
        return nothing(204)
      }
    },
    revertResize: {
      from: ['VERIFY_RESIZE'],
      run: (server) =>
        go(server, [['REVERT_RESIZE', 'resize_reverting'], ['ACTIVE']], () => {
          server.flavor = server.oldFlavor!
        })
    },
    rebuild: {
      from: ['ACTIVE', 'SHUTOFF', 'ERROR'],
      run (server, { imageRef } = {}) {
        if (!state.images.some(({ id }) => id === imageRef)) throw new Fault(400, 'Cannot find image for rebuild')
        go(server, [['REBUILD', 'rebuilding'], ['REBUILD', 'rebuild_spawning'], ['ACTIVE']], () => {
          server.image = imageRef
        })
        return ok({ server: { id: server.id, status: 'REBUILD', adminPass: newPassword() } }, 202)
      }
    },
    rescue: {
      from: ['ACTIVE', 'SHUTOFF'],
      run (server) {
        go(server, [['ACTIVE', 'rescuing'], ['RESCUE']])
        return ok({ adminPass: newPassword() })
      }
    },
    unrescue: { from: ['RESCUE'], run: (server) => go(server, [['RESCUE', 'unrescuing'], ['ACTIVE']]) },
    changePassword: { from: ['ACTIVE'], run: (server) => go(server, [['PASSWORD', 'updating_password'], ['ACTIVE']]) },
    createImage: {
      from: ['ACTIVE', 'SHUTOFF'],
      run (server, { name, metadata = {} } = {}, { endpoint }) {
        if (typeof name !== 'string' || name === '') throw new Fault(400, 'createImage entity requires name attribute')
        const source = state.images.find(({ id }) => id === server.image)
        const own = {
          image_type: 'snapshot',
          base_image_ref: server.image ?? '',
          instance_uuid: server.id,
          user_id: '172157'
        }
        const id = randomUUID()
        state.images.push({
          id,
          name,
          server: server.id,
          status: 'SAVING',
          created: stamp(),
          minDisk: 20,
          minRam: 512,
          readyAt: performance.now() + behaviour.delay,
          // The metadata are sent as names of headers.
          metadata: { ...source?.metadata, ...asHeaders(metadata), ...own }
        })
        return { status: 202, headers: { location: behaviour.imageLocation ?? `${endpoint}/images/${id}` } }
      }
    },
    'os-getVNCConsole': {
      from: ['ACTIVE', 'RESCUE'],
      run (server, { type } = {}) {
        if (type !== 'xvpvnc') throw new Fault(400, `Invalid console type ${String(type)}`)
        return ok({ console: { type, url: `https://dfw.consoles.example/console?token=${server.id}` } })
      }
    }
  }

  return (asked: Asked, { id }: Record<string, string>): Answer => {
    const server = findServer(state, id!)
    const [[name, value] = ['', undefined]] = Object.entries(asked.body ?? {})
    const action = actions[name]
    const stops = name === 'os-start' || name === 'os-stop'
    if (action === undefined || (stops && behaviour.unstoppable.has(server.flavor))) {
      throw new Fault(400, `There is no such action: ${name}`)
    }
    const busy = server.plan.length > 0
    if (busy || !action.from.includes(server.stage.status)) throw wrongState(server, name)
    return action.run(server, value ?? {}, asked)
  }
}

const wrongState = ({ id, stage }: Server, action: string) => {
  const inside =
    stage.task === undefined || stage.task === null
      ? `vm_state ${stage.status.toLowerCase()}`
      : `task_state ${stage.task}`
  return new Fault(409, `Cannot '${action}' instance ${id} while it is in ${inside}`)
}

/** Glance v1 receives properties as names of headers. */
export function asHeaders (metadata: Record<string, string>) {
  for (const key of Object.keys(metadata)) {
    if (key.includes(':')) throw new Fault(500, `Metadata ${key} cannot be a header`)
  }
  return Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => [key.toLowerCase().replaceAll('-', '_'), value])
  )
}
