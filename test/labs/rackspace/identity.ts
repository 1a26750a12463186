import { randomUUID } from 'node:crypto'
import { Fault, ok, type Asked } from './answer.ts'
import type { Answer, Behaviour } from './behaviour.ts'

export interface AccountOptions {
  username: string
  apiKey: string
  password: string
  tenant: string
  regions: readonly string[]
  /** Whether the account has Cloud Block Storage. */
  volumes: boolean
}

/** Identity v2.0 of one account: makes tokens that end, and can be revoked. */
export function createIdentity (account: AccountOptions, behaviour: Behaviour, url: () => string) {
  const tokens = new Map<string, number>()
  const { username, apiKey, password, tenant, regions } = account

  const isValid = (token: unknown) => typeof token === 'string' && (tokens.get(token) ?? 0) > Date.now()

  const accepts = (auth: any) => {
    const key = auth?.['RAX-KSKEY:apiKeyCredentials']
    if (key !== undefined) return key.username === username && key.apiKey === apiKey
    const given = auth?.passwordCredentials
    if (given !== undefined) return given.username === username && given.password === password
    return isValid(auth?.token?.id) && String(auth.tenantId ?? auth.tenantName) === tenant
  }

  const at = (service: string, version: string) => regions.map((region) =>
    ({ region, tenantId: tenant, publicURL: `${url()}/${region.toLowerCase()}/${service}/${version}/${tenant}` }))

  const catalog = () => [
    {
      name: 'cloudServers',
      type: 'compute',
      endpoints: [{ tenantId: tenant, publicURL: `${url()}/first/v1.0/${tenant}` }]
    },
    {
      name: 'cloudFiles',
      type: 'object-store',
      endpoints: at('files', 'v1').map((one) => ({ ...one, tenantId: `MossoCloudFS_${tenant}` }))
    },
    { name: 'cloudServersOpenStack', type: 'compute', endpoints: at('servers', 'v2') },
    ...(account.volumes ? [{ name: 'cloudBlockStorage', type: 'volume', endpoints: at('blockstorage', 'v1') }] : [])
  ]

  return {
    isValid,
    revoke () { tokens.clear() },
    /** Returns a valid token, for clouds whose settings have a token. */
    issue () {
      const id = randomUUID().replaceAll('-', '')
      tokens.set(id, Date.now() + behaviour.tokenLife * 1000)
      return id
    },
    enter ({ body }: Asked): Answer {
      if (body?.auth === undefined) {
        throw new Fault(400, 'Invalid request body: unable to parse Auth data. Please review XML or JSON formatting.')
      }
      if (!accepts(body.auth)) throw new Fault(401, 'Unable to authenticate user with credentials provided.')
      const id = this.issue()
      return ok({
        access: {
          token: {
            id,
            expires: new Date(tokens.get(id)!).toISOString(),
            tenant: { id: tenant, name: tenant },
            'RAX-AUTH:authenticatedBy': ['APIKEY']
          },
          serviceCatalog: catalog(),
          user: {
            id: '172157',
            name: username,
            'RAX-AUTH:defaultRegion': regions[0],
            roles: [{ id: '3', name: 'identity:user-admin', description: 'User Admin Role.' }]
          }
        }
      })
    }
  }
}
