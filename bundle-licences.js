import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

const nameIn = (file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)

function licenceOf (folder) {
  const files = readdirSync(folder)
  const file = files.find((entry) => /^(licen[cs]e|copying)/i.test(entry))
  if (file !== undefined) return readFileSync(path.join(folder, file), 'utf8').trim()
  const { license, author, homepage } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  if (license === undefined) throw new Error(`${folder} names no licence`)
  return [license, author?.name ?? author, homepage].filter((text) => text !== undefined).join(', ')
}

/** Returns the licences of the packages to which files belong. */
export function licencesOf (files) {
  const found = files.map(nameIn).filter((match) => match !== null)
  const folders = new Map(found.map(([folder, name]) => [name, folder]))
  return [...folders].sort()
    .map(([name, folder]) => `${name}\n\n${licenceOf(path.join(import.meta.dirname, folder))}`)
    .join('\n\n')
}
