import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseDocument } from '#yaml'

/** The settings of a server without a settings file: one dummy cloud with a sample, for trying out the API. */
export const defaultSettings = { clouds: { default: { driver: 'dummy', sample: true } } }

export interface RawSettings {
  /** Name of the file in errors; null if there is no file. */
  file: string | null
  /** Folder that relative paths in the settings refer to. */
  directory: string
  content: unknown
  error?: string
}

/** The original Orchestrator has its settings in a Python module, which only Python can read. */
const pythonFile = (file: string) =>
  'is a Python file, which is not read. Make JSON of it: python3 -c "import json, runpy; ' +
  `print(json.dumps({'CLOUD_FARM': runpy.run_path('${file}')['CLOUD_FARM']}))" > orchestrator.json`

const defaultNames = ['orchestrator.yaml', 'orchestrator.yml', 'orchestrator.json']

/** Reads the named file, or the first of the default names that exists in the working directory. */
export function readSettingsFile (named: string | undefined, cwd: string): RawSettings {
  const file = named === undefined
    ? defaultNames.map((name) => path.join(cwd, name)).find(existsSync)
    : path.resolve(cwd, named)
  if (file === undefined) return { file: null, directory: cwd, content: defaultSettings }

  const raw = { file: path.relative(cwd, file) || file, directory: path.dirname(file) }
  try {
    const text = readFileSync(file, 'utf8')
    if (file.endsWith('.py') || /^\s*CLOUD_FARM\s*=/m.test(text)) {
      return { ...raw, content: {}, error: pythonFile(raw.file) }
    }
    // YAML includes JSON.
    const document = parseDocument(text)
    const [error] = document.errors
    // The first line of the message names the position. The lines below quote the text, which may contain a secret.
    if (error !== undefined) {
      return { ...raw, content: {}, error: error.message.split('\n')[0]!.replace(/:$/, '') }
    }
    return { ...raw, content: document.toJS() ?? {} }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { ...raw, content: {}, error: `cannot be read (${code ?? message})` }
  }
}
