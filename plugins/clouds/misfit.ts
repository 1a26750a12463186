import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import { modelOf, type ServiceName } from '../../drivers/driver.ts'
import { models, resourceKinds } from '../../openapi/model/index.ts'

/** The services whose changes take time: their methods return a Change. */
const slow = new Set<ServiceName>(['nodes', 'images', 'volumes', 'snapshots'])

const text = { type: 'string' }
const texts = { type: 'array', items: text }
const ref = (model: string) => ({ $ref: `${model}#` })
const arrayOf = (items: object) => ({ type: 'array', items })

const resourceRef = {
  type: 'object',
  required: ['kind', 'id'],
  properties: { kind: { ...text, enum: [...resourceKinds] }, id: text }
}

const change = {
  type: 'object',
  required: ['resources', 'until'],
  properties: {
    resources: arrayOf(resourceRef),
    until: {
      type: 'object',
      required: ['states'],
      properties: {
        states: texts,
        provider_states: texts,
        gone: { type: 'boolean' },
        fault: { type: 'boolean' }
      }
    },
    secrets: { type: 'object', additionalProperties: text }
  }
}

/** The results of the methods that do not return the resource of their service. undefined: not checked. */
const special: Readonly<Record<string, object | undefined>> = {
  findCreated: arrayOf(resourceRef),
  list_nics: arrayOf(ref('Nic')),
  console: ref('Console'),
  create_rule: ref('SecurityGroupRule'),
  destroy_rule: undefined,
  add_security_group: undefined,
  remove_security_group: undefined
}

function schemaOf (service: ServiceName, method: string): object | undefined {
  const resource = ref(modelOf[service])
  if (Object.hasOwn(special, method)) return special[method]
  if (service === 'quotas') return arrayOf(resource)
  if (method === 'list') {
    return {
      type: 'object',
      required: ['items', 'next'],
      properties: {
        items: arrayOf(resource),
        next: { type: ['string', 'null'] },
        total: { type: 'integer' }
      }
    }
  }
  if (method === 'get' || method === 'update') return resource
  if (slow.has(service)) return change
  return method === 'destroy' ? undefined : resource
}

let ajv: Ajv | undefined

function compile (schema: object): ValidateFunction {
  if (ajv === undefined) {
    // `verbose` adds the value to an error.
    ajv = new Ajv({
      strict: false,
      verbose: true,
      logger: false,
      meta: false,
      validateSchema: false
    })
    // An open enum allows clients to receive other values later. A driver may return only those of this version.
    ajv.addKeyword({
      keyword: 'x-extensible-enum',
      macro: (values: unknown[]) => ({ enum: [...values, null] })
    })
    formats.default(ajv, { mode: 'fast' })
    for (const format of ['cidr', 'ip', 'single-line', 'multi-line', 'binary']) {
      ajv.addFormat(format, true)
    }
    for (const model of models) ajv.addSchema(model as object)
  }
  return ajv.compile(schema)
}

const validators = new Map<string, ValidateFunction | undefined>()

function validatorOf (service: ServiceName, method: string) {
  const name = `${service}.${method}`
  if (!validators.has(name)) {
    const schema = schemaOf(service, method)
    validators.set(name, schema === undefined ? undefined : compile(schema))
  }
  return validators.get(name)
}

const describe = (value: unknown) => {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : JSON.stringify(value).slice(0, 80)
}

const pathOf = (instancePath: string, name?: string) =>
  [...instancePath.split('/').slice(1), ...name === undefined ? [] : [name]].join('.')

function explain (
  { instancePath, keyword, params, data, message = 'is not valid' }: ErrorObject
): string {
  if (keyword === 'required') {
    return `${pathOf(instancePath, String(params['missingProperty']))} is missing`
  }
  const expected = keyword === 'enum'
    ? `must be one of ${
      (params['allowedValues'] as unknown[]).filter((one) => one !== null).join(', ')
    }`
    : message
  const path = pathOf(instancePath)
  return `${path === '' ? 'the result' : path} is ${describe(data)}, ${expected}`
}

/** Says where the result of a method does not fit the model; undefined if it fits. */
export function findMisfit (
  service: ServiceName,
  method: string,
  result: unknown
): string | undefined {
  const validate = validatorOf(service, method)
  if (validate === undefined || validate(result)) return undefined
  return explain(validate.errors![0]!)
}
