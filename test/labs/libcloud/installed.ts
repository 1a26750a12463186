import { existsSync } from 'node:fs'
import path from 'node:path'
import { root } from '../../helper/app.ts'

/** The folder in which `bash test/labs/libcloud/install` installs Apache Libcloud. */
export const folder = path.join(root, '.tools/libcloud')

/** The folder of the sources of this lab. */
export const sources = path.join(root, 'test/labs/libcloud')

/** The interpreter that has Libcloud and what its recorded answers need. */
export const python = path.join(folder, 'data/libcloud/venv/bin/python')
if (!existsSync(python)) throw new Error(`${python} is missing: run bash test/labs/libcloud/install`)

/** The settings of a cloud that is a provider of the installed Libcloud. */
export const installed = { driver: 'libcloud', directory: path.join(folder, 'data/libcloud') }
