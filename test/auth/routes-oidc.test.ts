import { testCredential } from './route-table.ts'

testCredential('oidc')
