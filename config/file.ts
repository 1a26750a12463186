import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseDocument } from 'yaml'

/** What is served where there is no settings file: one dummy cloud to try the API on. */
export const defaultFarm = { clouds: { default: { driver: 'dummy' } } }

export interface RawSettings {
  /** As it is named in errors; null where there is no file and the default farm is served. */
  file: string | null
  /** Folder that relative paths in it refer to. */
  directory: string
  content: unknown
  error?: string
}

/** Reads `--config`, `ORCHESTRATOR_CONFIG`, or orchestrator.yaml, .yml or .json in the working directory: the first there is. */
export function readSettingsFile (named: string | undefined, cwd: string): RawSettings {
  const file = named === undefined
    ? ['orchestrator.yaml', 'orchestrator.yml', 'orchestrator.json'].map((name) => path.join(cwd, name)).find(existsSync)
    : path.resolve(cwd, named)
  if (file === undefined) return { file: null, directory: cwd, content: defaultFarm }

  const directory = path.dirname(file)
  const raw = { file: path.relative(cwd, file) || file, directory }
  try {
    // JSON is YAML too.
    const document = parseDocument(readFileSync(file, 'utf8'))
    const [error] = document.errors
    // The message's first line names the place; those below quote the text, which may hold a secret.
    if (error !== undefined) return { ...raw, content: {}, error: error.message.split('\n')[0]!.replace(/:$/, '') }
    return { ...raw, content: document.toJS() ?? {} }
  } catch (error) {
    return { ...raw, content: {}, error: `cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})` }
  }
}
