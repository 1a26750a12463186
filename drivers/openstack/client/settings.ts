import { Type, type Static } from '#typebox'

const text = (description: string, options: Record<string, unknown> = {}) =>
  Type.Optional(Type.String({ minLength: 1, description, ...options }))

const secret = (description: string) => text(description, { format: 'password' })

const Auth = Type.Object({
  auth_url: Type.String({
    pattern: '^https?://[^/]',
    description: 'Address of Keystone v3. A path before the version is kept.',
    examples: ['https://cloud.example/identity/v3']
  }),
  username: text('Name of the user.'),
  user_id: text('Id of the user, instead of its name and domain.'),
  password: secret('Password of the user.'),
  project_name: text('Name of the project.'),
  project_id: text('Id of the project, instead of its name and domain.'),
  user_domain_name: text('Name of the domain of the user; by default `Default`.'),
  user_domain_id: text('Id of the domain of the user.'),
  project_domain_name: text('Name of the domain of the project; by default `Default`.'),
  project_domain_id: text('Id of the domain of the project.'),
  application_credential_id: text('Id of an application credential, instead of user and project.'),
  application_credential_name: text('Name of an application credential of the user.'),
  application_credential_secret: secret('Secret of the application credential.'),
  token: secret('An existing token, instead of a password.'),
  trust_id: secret('Id of a trust, instead of a project.')
}, { additionalProperties: false, description: 'The credentials, as in clouds.yaml.' })

export type AuthSettings = Static<typeof Auth>

const override = (service: string) =>
  text(`Address of ${service}, instead of that of the catalog.`, {
    pattern: '^https?://[^/]',
    examples: ['https://cloud.example/api/%(project_id)s']
  })

/** The settings of a cloud: those of OpenStack's clouds.yaml, under the same names. */
export const Settings = Type.Object({
  from: text(
    'An entry of an existing clouds.yaml. Settings beside it override those of the entry.',
    {
      examples: ['clouds.yaml#mycloud']
    }
  ),
  auth: Type.Optional(Auth),
  auth_type: Type.Optional(Type.Enum(
    ['password', 'v3password', 'token', 'v3token', 'v3applicationcredential'],
    {
      type: 'string',
      description: 'How to authenticate; by default seen from the fields of `auth`.'
    }
  )),
  region_name: text('Region to use; required if the cloud has more than one.'),
  interface: Type.Optional(Type.Enum(
    ['public', 'internal', 'admin', 'publicURL', 'internalURL', 'adminURL'],
    { type: 'string', description: 'The endpoints of the catalog to call; by default public.' }
  )),
  compute_endpoint_override: override('Nova'),
  image_endpoint_override: override('Glance'),
  network_endpoint_override: override('Neutron'),
  block_storage_endpoint_override: override('Cinder'),
  block_storage_api_version: Type.Optional(Type.Enum(
    ['2', '3'],
    { type: 'string', description: 'Version of Cinder to use; by default the newest.' }
  )),
  cacert: text('Path of a file with the certificate authority of the cloud.'),
  verify: Type.Optional(
    Type.Boolean({ description: 'Whether to check the certificate of the cloud; by default true.' })
  )
}, { additionalProperties: false })

export type Settings = Static<typeof Settings>
