import { Type, type TSchema } from '#typebox'

/** Old clients send JSON with the type of their HTTP library: curl sends that of a form. */
export const bodyTypes = [
  'application/json',
  'application/x-www-form-urlencoded',
  'text/plain',
  'application/octet-stream'
]

const text = (description: string) => Type.String({ minLength: 1, maxLength: 255, description })
const token = Type.Optional(
  Type.String({ description: 'The token, instead of the header X-Auth-Token.' })
)

/** A body of v1: the given fields, and the token. */
export const bodyOf = <P extends Record<string, TSchema>>(properties: P, options: object = {}) =>
  Type.Object({ ...properties, auth_token: token }, { additionalProperties: false, ...options })

export const cloudParams = Type.Object({ cloud: text('Name of the cloud.') })

/** The query of every route. The token is in the document only for completeness: the settings must allow it. */
export const tokenQuery = Type.Object({
  auth_token: Type.Optional(Type.String({
    description: 'The token. Accepted only if the settings have `v1: { query_token: true }`.'
  }))
}, { additionalProperties: false })

const emulate = Type.Optional(Type.Boolean({ description: 'Answer without asking the cloud.' }))

export const Start = bodyOf({
  name: text('Name of the node.'),
  image: text('Id or name of the image.'),
  size: text('Id or name of the size.'),
  keyname: Type.Optional(text('Name of the key pair.')),
  metadata: Type.Optional(
    Type.Record(Type.String(), Type.String(), { description: 'Tags of the node.' })
  )
})

const target = {
  node: Type.Optional(text('Id of the node.')),
  hostname: Type.Optional(text('Name of the node, instead of its id.'))
}
const oneOf = { 'x-required-any': ['node', 'hostname'] }

export const Stop = bodyOf(target, oneOf)

export const Assign = bodyOf({
  ...target,
  user: text('Who gets the node.'),
  vm_type: text('What the node is for.'),
  emulate
}, oneOf)

export const Release = bodyOf({ ...target, emulate }, oneOf)

export const Firewall = bodyOf({
  ...target,
  group: Type.Optional(text('Id of the security group. Required if the node has several.')),
  port: Type.Integer({ minimum: 1, maximum: 65_535, description: 'Port.' }),
  protocol: Type.Optional(Type.Enum(['tcp', 'udp'], { type: 'string', default: 'tcp' })),
  cidr: Type.Optional(
    Type.String({ format: 'cidr', description: 'Addresses that may connect. Default: 0.0.0.0/0.' })
  )
}, oneOf)

export const SignIn = bodyOf({
  username: text('Name of the user.'),
  password: Type.String({ minLength: 1 })
})

const ErrorBody = Type.Object({
  status: Type.Literal('error'),
  status_code: Type.Optional(Type.Integer()),
  status_short_message: Type.Optional(Type.String()),
  status_long_message: Type.Optional(Type.String()),
  message: Type.String()
})

/** The answers of a route: 200 with these fields beside `status`, and errors. */
export const answer = (properties: Record<string, TSchema>) => ({
  200: Type.Object({ status: Type.Literal('ok'), ...properties }, { description: 'Done.' }),
  default: { description: 'An error.', ...ErrorBody }
})

const strings = Type.Array(Type.String())

export const V1Node = Type.Object({
  name: Type.String(),
  uuid: Type.String({ description: "Libcloud's uuid: the SHA-1 of the id and the driver." }),
  id: Type.String(),
  provider: Type.String({ description: "Libcloud's name of the driver." }),
  public_ips: strings,
  private_ips: strings,
  cloud_type: Type.String({ description: 'The driver.' }),
  state: Type.String({ description: "Libcloud's state, such as running, stopped, pending." }),
  extra: Type.Object({}, { description: 'Raw fields of the cloud.' })
})

const common = { provider: Type.String(), cloud_type: Type.String() }
const amount = Type.Union([Type.Number(), Type.Null()])

export const V1Flavor = Type.Object({
  id: Type.String(),
  name: Type.String(),
  ram: amount,
  cpu: amount,
  disk: amount,
  ...common
})

export const V1Image = Type.Object({
  id: Type.String(),
  name: Type.Union([Type.String(), Type.Null()]),
  ...common
})

export const V1Tenant = Type.Object({ id: Type.String(), name: Type.String(), ...common })

export const V1Cloud = Type.Object({
  name: Type.String(),
  type: Type.String(),
  host: Type.Union([Type.String(), Type.Null()])
})
