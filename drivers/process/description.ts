import { Ajv, type ValidateFunction } from 'ajv'
import { ProblemError } from '../../openapi/model/index.ts'
import { contractVersion, type CapabilityDetails, type ServiceName } from '../driver.ts'
import { findSecrets } from '../secrets.ts'
import { readSettings } from '../settings.ts'
import { methodsByName } from './methods.ts'
import protocol from './protocol.schema.json' with { type: 'json' }

/** The answer to `describe`. */
export interface Description {
  name: string
  contract_version: number
  settings?: object
  host?: string | null
  location?: string | null
  capabilities: Record<string, CapabilityDetails>
  ids?: Partial<Record<ServiceName, string>>
}

const ajv = new Ajv({ strict: false, logger: false })
const validate = ajv.addSchema(protocol)
  .getSchema(`${protocol.$id}#/definitions/description`) as ValidateFunction<Description>

const hint = 'The driver of this cloud has a defect. drivers/process/README.md is the protocol.'

const defect = (detail: string) =>
  new ProblemError('provider_error', `The description of the driver is not valid: ${detail}`, {
    hint
  })

/** Checks the settings of a cloud against the schema that the driver describes. Returns the secrets in them. */
function checkSettings (schema: object, settings: object): string[] {
  let errors
  try {
    errors = readSettings(schema, settings).errors
  } catch (error) {
    throw defect(`settings is not a schema: ${(error as Error).message}`)
  }
  if (errors.length > 0) {
    const list = errors.map(({ path, message }) => `settings.${path} ${message}`).join('; ')
    throw new ProblemError('internal_error', `The settings of the cloud are not valid: ${list}`, {
      hint: 'Correct the settings of the cloud and restart the server.'
    })
  }
  return findSecrets(schema, settings)
}

/** Checks the answer to `describe`. Returns it, with the secrets in the settings of the cloud. Throws ProblemErrors. */
export function readDescription (
  answer: unknown,
  settings: object
): { description: Description, secrets: string[] } {
  if (!validate(answer)) {
    const [error] = validate.errors!
    throw defect(
      `${error!.instancePath === '' ? 'the answer' : error!.instancePath} ${error!.message}`
    )
  }
  const description = answer
  if (description.contract_version !== contractVersion) {
    throw new ProblemError(
      'internal_error',
      `The driver ${description.name} was made for version ` +
        `${description.contract_version} of the contract of drivers, and this server has version ${contractVersion}`,
      {
        hint: 'Install a version of the driver for this server.'
      }
    )
  }
  const unknown = Object.keys(description.capabilities).find((name) => !methodsByName.has(name))
  if (unknown !== undefined) {
    throw defect(`capabilities has the method ${unknown}, which is not in the contract`)
  }
  for (const name of Object.keys(description.capabilities)) {
    const [service] = name.split('.')
    const needed = service === 'quotas' ? ['list'] : ['list', 'get']
    const missing = needed.find((method) =>
      !Object.hasOwn(description.capabilities, `${service}.${method}`)
    )
    if (missing !== undefined) {
      throw defect(`capabilities has ${name} but lacks ${service}.${missing}`)
    }
  }
  return { description, secrets: checkSettings(description.settings ?? {}, settings) }
}

/** The patterns of the ids. */
export function toPatterns (ids: Description['ids'] = {}): Record<string, RegExp> {
  return Object.fromEntries(
    Object.entries(ids).map(([service, pattern]) => {
      try {
        return [service, new RegExp(pattern, 'u')]
      } catch (error) {
        throw defect(`ids.${service}: ${(error as Error).message}`)
      }
    })
  )
}
