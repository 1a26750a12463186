import { existsSync } from 'node:fs'
import path from 'node:path'

/** The command that installs Apache Libcloud. */
export const installCommand = 'orchestrator install libcloud'

/** The folder of the Python files: beside this file in the sources, and there also when the compiled files run. */
const folder =
  ['.', '../../../drivers/libcloud'].map((place) =>
    path.resolve(import.meta.dirname, place, 'python')
  )
    .find((place) => existsSync(place)) ?? path.resolve(import.meta.dirname, 'python')

/** The Python package that answers the requests. */
export const bridge = path.join(folder, 'orchestrator_libcloud')

/** The pinned packages, with their hashes. */
export const requirements = path.join(folder, 'requirements.txt')

/** The folder with the virtual environment and the table of providers. */
export const homeOf = (dataDirectory: string) => path.join(dataDirectory, 'libcloud')

export const environmentOf = (home: string) => path.join(home, 'venv')

export const pythonOf = (home: string) => path.join(environmentOf(home), 'bin/python')

export const tableOf = (home: string) => path.join(home, 'providers.json')
