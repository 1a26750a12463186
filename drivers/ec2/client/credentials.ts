import type { EC2ClientConfig } from '@aws-sdk/client-ec2'
import type { Settings } from './settings.ts'

export type Credentials = NonNullable<EC2ClientConfig['credentials']>

type CredentialSettings = Pick<Settings, 'access_key_id' | 'secret_access_key' | 'session_token' | 'profile' | 'role_arn' | 'location' | 'sts_endpoint'>

/**
 * Where the SDK has its credentials from: the key of the settings, the user's AWS files, and the role that is taken on with
 * either, which the SDK renews before it ends. Its modules are loaded only where they are needed.
 */
export async function credentialsOf (settings: CredentialSettings): Promise<Credentials> {
  const own = await ownCredentials(settings)
  const { role_arn: role, location, sts_endpoint: endpoint } = settings
  if (role === undefined) return own
  const { fromTemporaryCredentials } = await import('@aws-sdk/credential-providers')
  return fromTemporaryCredentials({
    masterCredentials: own,
    params: { RoleArn: role, RoleSessionName: 'cloud-orchestrator' },
    clientConfig: { region: location, ...(endpoint === undefined ? {} : { endpoint }) }
  })
}

async function ownCredentials (settings: CredentialSettings): Promise<Credentials> {
  const { access_key_id: id, secret_access_key: key, session_token: token, profile } = settings
  if (id !== undefined && key !== undefined) {
    return { accessKeyId: id, secretAccessKey: key, ...(token === undefined ? {} : { sessionToken: token }) }
  }
  const { fromIni } = await import('@aws-sdk/credential-providers')
  return fromIni(profile === undefined ? {} : { profile })
}
