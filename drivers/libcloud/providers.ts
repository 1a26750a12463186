import { readFile } from 'node:fs/promises'
import type { DriverProvider } from '../../openapi/model/index.ts'
import { homeOf, tableOf } from './places.ts'

/** Reads the table of providers that the installation wrote; undefined if Libcloud is not installed. */
export async function readProviders (
  dataDirectory: string
): Promise<Omit<DriverProvider, 'self'>[] | undefined> {
  try {
    return JSON.parse(await readFile(tableOf(homeOf(dataDirectory)), 'utf8')) as Omit<
      DriverProvider,
      'self'
    >[]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
