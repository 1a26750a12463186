import { readFileSync } from 'node:fs'

/**
 * Reads the certificates of an authority, in PEM. Throws an Error that names the cloud and the setting if the file
 * cannot be read.
 */
export function readAuthority (file: string, setting: string, cloud: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`cloud ${cloud}: ${setting} cannot be read: ${(error as Error).message}`)
  }
}
