import { openStore } from '../../../plugins/store/open.ts'
import { template } from '../../helper/database.ts'
import { startCluster } from './cluster.ts'

export interface TestCluster {
  /** The environment in which tests find the cluster. */
  env: Record<string, string>
  end(): Promise<void>
}

/** Starts a cluster for many test files, with the database that each test copies: the schema is migrated once. */
export async function startTestCluster (): Promise<TestCluster> {
  const { url, createDatabase, end } = await startCluster({ teardown () {} }, {
    auth: 'trust',
    settings: { max_connections: '1000' }
  })
  try {
    const store = { url: await createDatabase(template), pool_size: 1, statement_timeout: 60 }
    await (await openStore(store)).destroy()
  } catch (error) {
    await end()
    throw error
  }
  return { env: { TEST_POSTGRES_URL: url }, end }
}
