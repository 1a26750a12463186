import type { Capability } from '../openapi/model/index.ts'
import type { Call } from './call.ts'
import type { ReadService } from './services.ts'

/** Describes one method of a service; an omitted list is empty. */
export type CapabilityDetails = Partial<Capability>

/** The field names of an input. Fields of nested objects, also in arrays, are dotted: `networks.fixed_ip`. */
export type FieldOf<T> = {
  [K in keyof T & string]: K | NestedFieldOf<K, NonNullable<T[K]>>
}[keyof T & string]

type NestedFieldOf<K extends string, V> = K extends 'provider_options' ?
  `${K}.${string}.${string}` :
  V extends readonly (infer Item)[] ?
      (Item extends object ? `${K}.${keyof Item & string}` : never) :
    V extends object ? `${K}.${keyof V & string}` :
      never

/** The input of a method: its first argument that is neither an id nor the call. A string input is a `kind`. */
type InputOf<F> = F extends (id: string, input: infer A, ...rest: infer R) => unknown ?
  A extends Call ? (R extends [(infer Options)?, ...unknown[]] ? Options : object) :
    A extends string ? { kind: Record<A, unknown> } :
      A :
  F extends (input: infer I, ...rest: never[]) => unknown ? (I extends Call ? object : I) :
  object

type FilterOf<S> = S extends ReadService<infer T> ? (keyof T & string) | 'tag' | 'node_id' : never

type ParameterOf<F> = string extends FieldOf<NonNullable<InputOf<F>>> ? never :
  FieldOf<NonNullable<InputOf<F>>>

interface MethodDetails<F> {
  /** The request fields that the cloud honours. The server answers 501 to any other. */
  parameters?: readonly ParameterOf<F>[]
  /** The request fields that the cloud requires beyond the schema. The server answers 422 without them. */
  required?: readonly ParameterOf<F>[]
  /** Limits of the cloud. The server enforces `user_data_bytes` and `tag_characters`. */
  limits?: Readonly<Record<string, number>>
}

interface ListDetails<S> {
  /** The filters that the cloud itself applies. */
  filters?: readonly FilterOf<S>[]
  limits?: Readonly<Record<string, number>>
}

/** Describes the methods of the service S. Names of fields and filters are checked against the model. */
export type ServiceDetails<S> = {
  readonly [M in keyof S]?: M extends 'list' ? ListDetails<S> : MethodDetails<NonNullable<S[M]>>
}

/**
 * Describes a service beside its methods. A method that is not described has no parameters. A field or filter that the
 * model does not have is a compile error.
 */
export function describe<S extends object> (
  details: ServiceDetails<S>
): Readonly<Record<string, CapabilityDetails>> {
  return details as Readonly<Record<string, CapabilityDetails>>
}
