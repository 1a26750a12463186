import type { EC2ClientConfig } from '@aws-sdk/client-ec2'
import type { Context } from '../../driver.ts'

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

/** The SDK passes to a provider the configuration of the client that needs the credentials. */
type Provider = ReturnType<typeof import('@aws-sdk/credential-providers')['fromIni']>

/**
 * Reads the credentials for the SDK: the key in the settings, or the user's AWS files, and the role to assume with
 * either, which the SDK renews before it expires. Registers what it reads as secrets. Loads the SDK's modules only if
 * they are needed.
 */
export async function readCredentials (
  settings: CredentialSettings,
  secrets: Context['secrets']
): Promise<Credentials> {
  const own = await createOwnProvider(settings)
  const { role_arn: RoleArn, location: region, sts_endpoint: endpoint } = settings
  if (RoleArn === undefined) return registering(own, secrets)
  const { fromTemporaryCredentials } = await import('@aws-sdk/credential-providers')
  return registering(
    fromTemporaryCredentials({
      masterCredentials: registering(own, secrets),
      params: { RoleArn, RoleSessionName: 'cloud-orchestrator' },
      clientConfig: { region, endpoint }
    }),
    secrets
  )
}

const registering =
  (provider: Provider, secrets: Context['secrets']): Provider => async (caller) => {
    const identity = await provider(caller)
    secrets.add(identity.secretAccessKey)
    secrets.add(identity.sessionToken)
    return identity
  }

async function createOwnProvider (settings: CredentialSettings): Promise<Provider> {
  const {
    access_key_id: accessKeyId,
    secret_access_key: secretAccessKey,
    session_token: sessionToken
  } = settings
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    return async () => ({ accessKeyId, secretAccessKey, sessionToken })
  }
  const { fromIni } = await import('@aws-sdk/credential-providers')
  return async (caller) => {
    // The limits of responses apply to the SDK's clients for credentials, too.
    const { requestHandler } = caller?.callerClientConfig ?? {}
    return fromIni({ profile: settings.profile, clientConfig: { requestHandler } })(caller)
  }
}
