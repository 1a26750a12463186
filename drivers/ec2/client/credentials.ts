import type { EC2ClientConfig } from '@aws-sdk/client-ec2'

export type Credentials = NonNullable<EC2ClientConfig['credentials']>

interface CredentialSettings {
  access_key_id?: string
  secret_access_key?: string
  session_token?: string
  /** Profile in the user's AWS files. */
  profile?: string
  role_arn?: string
  location: string
  sts_endpoint?: string
}

/**
 * Reads the credentials for the SDK: the key in the settings, or the user's AWS files, and the role to assume with
 * either, which the SDK renews before it expires. Loads the SDK's modules only if they are needed.
 */
export async function readCredentials (settings: CredentialSettings): Promise<Credentials> {
  const credentials = await readOwnCredentials(settings)
  const { role_arn: RoleArn, location: region, sts_endpoint: endpoint } = settings
  if (RoleArn === undefined) return credentials
  const { fromTemporaryCredentials } = await import('@aws-sdk/credential-providers')
  return fromTemporaryCredentials({
    masterCredentials: credentials,
    params: { RoleArn, RoleSessionName: 'cloud-orchestrator' },
    clientConfig: { region, endpoint }
  })
}

async function readOwnCredentials (settings: CredentialSettings): Promise<Credentials> {
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey, session_token: sessionToken } = settings
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    return { accessKeyId, secretAccessKey, sessionToken }
  }
  const { fromIni } = await import('@aws-sdk/credential-providers')
  return fromIni({ profile: settings.profile })
}
