import { usesPostgres } from './helper/database.ts'

const file = 'tests the file of SQLite'
const noStore = 'keeps nothing in a store'
const driver = 'tests a driver or how it is loaded, not what is kept'
const settings = 'tests how settings are read'
const document = 'tests the document, which is the same for every store'

/** The test files that `npm run test:postgres` leaves out, with the reason: all others run on both stores. */
export const notOnPostgres: Readonly<Record<string, string>> = {
  'test/backup.test.ts': file,
  'test/auth/document.test.ts': document,
  'test/connections.test.ts': noStore,
  'test/document.test.ts': document,
  'test/ec2-proxy.test.ts': noStore,
  'test/eucalyptus-fake.test.ts': noStore,
  'test/example-settings.test.ts': settings,
  'test/exposure.test.ts': settings,
  'test/fault-proxy.test.ts': noStore,
  'test/guide.test.ts': document,
  'test/http-client.test.ts': noStore,
  'test/layers.test.ts': noStore,
  'test/node-validation.test.ts': noStore,
  'test/original-settings.test.ts': settings,
  'test/outcome.test.ts': noStore,
  'test/outside.test.ts': driver,
  'test/package.test.ts': 'tests the package',
  'test/process.test.ts': driver,
  'test/released.test.ts': document,
  'test/remove-stale.test.ts': noStore,
  'test/settings.test.ts': settings,
  'test/terminal.test.ts': noStore,
  'test/todo.test.ts': noStore,
  'test/turns.test.ts': noStore
}

/** Folders that are left out, with the reason. */
export const foldersNotOnPostgres: Readonly<Record<string, string>> = {
  'test/drivers/': driver
}

const upgraded = 'stores of versions that knew only SQLite are no databases of PostgreSQL'

/** Options of the tests in other files that are left out on PostgreSQL, with the reason. */
export const sqliteOnly = {
  earlierVersion: { skip: usesPostgres && upgraded },
  // The last operations of a cloud are asked for one by one, which this test forbids.
  commitsTogether: { skip: usesPostgres && 'operations that are committed at different moments end at different ones' }
} as const
