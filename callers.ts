import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { runOnStore } from './admin-client.ts'
import type { Settings } from './config/index.ts'
import {
  levels,
  type ApiKey,
  type ApiKeyCreate,
  type AuditEntry,
  type Grant,
  type Level
} from './openapi/model/index.ts'
import { localCaller, toCallerRef } from './plugins/auth/caller.ts'
import { recordCommand, type CallerCommand } from './plugins/audit/commands.ts'
import { appendToAuditFile } from './plugins/audit/file.ts'
import { createKeys } from './plugins/auth/keys.ts'
import { createUsers, type User } from './plugins/auth/users.ts'
import type { Store } from './plugins/store/tables.ts'

/** An error of the command line, whose text says what is expected. */
export class CommandError extends Error {}

export interface CallerOptions {
  /** `LEVEL:CLOUD[,CLOUD…]`. */
  grant?: string[] | undefined
  /** A time, or a duration such as 90d. */
  expires?: string | undefined
}

/** The text for people goes to stderr, so that the output of `keys create` is the key alone. */
export interface CommandOutput {
  result: string
  note?: string
}

const name = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/
const cloudPattern = /^[a-z0-9*][a-z0-9*-]{0,62}$/

function checkName (text: string | undefined, noun: string): string {
  if (text !== undefined && name.test(text)) return text
  const found = text === undefined
    ? 'The name is missing'
    : `"${text}" cannot be the name of a ${noun}`
  throw new CommandError(`${found}; expected 1 to 64 letters, digits, ".", "_", "@" or "-"`)
}

function parseGrant (text: string): Grant {
  const [level = '', patterns = ''] = text.split(':', 2)
  const clouds = patterns.split(',')
  if (levels.includes(level as Level) && clouds.every((cloud) => cloudPattern.test(cloud))) {
    return { clouds, level: level as Level }
  }
  throw new CommandError(
    `--grant "${text}" is not valid; expected LEVEL:CLOUD[,CLOUD...], such as manage:team-a-*; ` +
      `levels: ${levels.join(', ')}; a cloud is a name or a pattern with *`
  )
}

function parseGrants (texts: readonly string[] = []): Grant[] {
  if (texts.length > 0) return texts.map(parseGrant)
  throw new CommandError("--grant is missing; expected for example --grant 'manage:team-a-*'")
}

const units: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 604_800_000 }

function parseExpiry (text: string): string {
  const [, count, unit = ''] = /^(\d{1,5})([hdw])$/.exec(text) ?? []
  const time = count === undefined ? Date.parse(text) : Date.now() + Number(count) * units[unit]!
  if (time > Date.now()) return new Date(time).toISOString()
  throw new CommandError(
    `--expires "${text}" is not valid; expected a duration such as 12h, 90d or 52w, or a time ` +
      'in the future such as 2030-01-31T12:00:00Z'
  )
}

/** Aligns the columns of a table. */
function toTable (rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ').trimEnd()).join(
    '\n'
  )
}

const grantsText = (grants: readonly Grant[]) =>
  grants.map(({ level, clouds }) => `${level}:${clouds.join(',')}`).join(' ')

/** Runs a change on the store, as the server does on its admin socket: with an entry of the audit. */
const recorded = <T extends { id: string }>(
  { audit }: Settings,
  action: CallerCommand<T>['action'],
  name: string,
  run: (store: Store) => Promise<T>
) =>
    (store: Store) =>
      recordCommand(store, { action, name, run: () => run(store) }, (entry: AuditEntry) => {
        if (audit?.file === undefined) return
        try {
          appendToAuditFile(audit.file, entry)
        } catch (error) {
          process.stderr.write(
        `The file of the audit has no line of this command: ${(error as Error).message}\n`
          )
        }
      })

const pageSize = 1000

async function listKeys (settings: Settings): Promise<ApiKey[]> {
  const found: ApiKey[] = []
  let page: ApiKey[]
  do {
    const after = found.at(-1)?.name
    page = await runOnStore(settings, 'The keys were not listed', {
      method: 'GET',
      path: after === undefined ? '/keys' : `/keys?after=${encodeURIComponent(after)}`,
      run: (store) => createKeys(store).list(pageSize, after)
    })
    found.push(...page)
  } while (page.length === pageSize)
  return found
}

/** Runs `orchestrator keys …`. */
export async function runKeys (
  settings: Settings,
  [command, operand]: readonly string[],
  { grant, expires }: CallerOptions
): Promise<CommandOutput> {
  if (command === 'list') {
    const keys = await listKeys(settings)
    if (keys.length === 0) return { result: '', note: 'There are no keys.' }
    const rows = keys.map((
      { id, name, grants, expires_at, last_used_at }
    ) => [name, id, grantsText(grants), expires_at ?? 'never', last_used_at ?? 'never'])
    return { result: toTable([['NAME', 'ID', 'GRANTS', 'EXPIRES', 'LAST USED'], ...rows]) }
  }
  if (command === 'create') {
    const input: ApiKeyCreate = {
      name: checkName(operand, 'key'),
      grants: parseGrants(grant),
      ...(expires !== undefined && { expires_at: parseExpiry(expires) })
    }
    const { secrets, id } = await runOnStore(settings, 'The key was not created', {
      method: 'POST',
      path: '/keys',
      body: input,
      run: recorded(
        settings,
        'keys.create',
        input.name,
        (store) => createKeys(store).create(input, toCallerRef(localCaller))
      )
    })
    const off = settings.auth === undefined
      ? ' The settings have no `auth`, so the server checks no keys: add `auth: {}` and restart it.'
      : ''
    const note =
      `The key ${input.name} has the id ${id}. It is shown only now. Send it as "Authorization: Bearer KEY".`
    return { result: secrets!['key']!, note: note + off }
  }
  if (command === 'revoke' && operand !== undefined) {
    const { name, id } = await runOnStore(settings, 'The key was not revoked', {
      method: 'DELETE',
      path: `/keys/${encodeURIComponent(operand)}`,
      run: recorded(settings, 'keys.revoke', operand, (store) => createKeys(store).revoke(operand))
    })
    return { result: '', note: `The key ${name} (${id}) is revoked.` }
  }
  throw new CommandError('keys needs one of: create NAME --grant LEVEL:CLOUD, list, revoke NAME')
}

/** Reads a password from the standard input: its first line. A terminal does not show it. */
async function readPassword (): Promise<string> {
  const { stdin, stderr } = process
  if (stdin.isTTY) stderr.write('Password: ')
  const output = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: stdin, output, terminal: stdin.isTTY })
  try {
    const { value: password = '' } = await lines[Symbol.asyncIterator]().next() as {
      value?: string
    }
    if (password === '') {
      throw new CommandError('The password is missing; expected as a line of the standard input')
    }
    if (password.length >= 8 && password.length <= 1024) return password
    throw new CommandError('The password must have 8 to 1024 characters')
  } finally {
    lines.close()
    if (stdin.isTTY) stderr.write('\n')
  }
}

/** Runs `orchestrator users …`. */
export async function runUsers (
  settings: Settings,
  [command, operand]: readonly string[],
  { grant }: CallerOptions
): Promise<CommandOutput> {
  if (command === 'list') {
    const users: User[] = await runOnStore(settings, 'The users were not listed', {
      method: 'GET',
      path: '/users',
      run: (store) => createUsers(store).list()
    })
    if (users.length === 0) return { result: '', note: 'There are no users.' }
    const rows = users.map(({ id, name, grants }) => [name, id, grantsText(grants)])
    return { result: toTable([['NAME', 'ID', 'GRANTS'], ...rows]) }
  }
  if (command === 'create') {
    const user = { name: checkName(operand, 'user'), grants: parseGrants(grant) }
    const input = { ...user, password: await readPassword() }
    const { name, id } = await runOnStore(settings, 'The user was not created', {
      method: 'POST',
      path: '/users',
      body: input,
      run: recorded(
        settings,
        'users.create',
        input.name,
        (store) => createUsers(store).create(input)
      )
    })
    return { result: '', note: `The user ${name} has the id ${id}.` }
  }
  if (command === 'password' && operand !== undefined) {
    const password = await readPassword()
    const { name } = await runOnStore(settings, 'The password was not changed', {
      method: 'POST',
      path: '/passwords',
      body: { name: operand, password },
      run: recorded(
        settings,
        'users.password',
        operand,
        (store) => createUsers(store).setPassword(operand, password)
      )
    })
    return { result: '', note: `The user ${name} has a new password.` }
  }
  if (command === 'remove' && operand !== undefined) {
    const { name, id } = await runOnStore(settings, 'The user was not removed', {
      method: 'DELETE',
      path: `/users/${encodeURIComponent(operand)}`,
      run: recorded(
        settings,
        'users.remove',
        operand,
        (store) => createUsers(store).remove(operand)
      )
    })
    return { result: '', note: `The user ${name} (${id}) is removed.` }
  }
  throw new CommandError(
    'users needs one of: create NAME --grant LEVEL:CLOUD, list, password NAME, remove NAME'
  )
}
