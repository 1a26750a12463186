/**
 * `cloud-orchestrator/driver`: what a driver in a package of its own needs. The built-in drivers import the files
 * themselves.
 */
export { Type, type Static } from '#typebox'
export { openCall, within, type Call, type CallOptions, type Log, type OpenCall } from './call.ts'
export { toChange, untilGone } from './common/changes.ts'
export {
  contractVersion,
  defineDriver,
  type Connection,
  type Context,
  type Driver,
  type DriverOptions,
  type DriverPlugin,
  type Identity,
  type SettingsSource
} from './driver.ts'
export type { BareConnection } from './bare.ts'
export { describe, type CapabilityDetails, type ServiceDetails } from './capabilities.ts'
export {
  exactValue,
  toExactName,
  toQuery,
  translateFilters,
  type FilterRule,
  type ProviderFilter
} from './common/filters.ts'
export {
  createHttpClient,
  explainTransport,
  isUnsent,
  parseRetryAfter,
  type HttpClient,
  type HttpOptions,
  type HttpRequest,
  type HttpResponse
} from './common/http.ts'
export { printableName, uuid } from './common/ids.ts'
export { invalid } from './common/invalid.ts'
export { createLimiter, type Limiter } from './common/limiter.ts'
export { isOutcomeUnknown, type CallEnd, type MissingAnswer } from './common/outcome.ts'
export { readAll, readPages, type ProviderPage } from './common/pages.ts'
export {
  explainFields,
  explaining,
  pointTo,
  pointToField,
  type FieldRefusal
} from './common/refusals.ts'
export { runOrRollBack, type Rollback } from './common/rollback.ts'
export * from './services.ts'
export { readAuthority } from './settings.ts'
export { createSingleFlight } from './common/single-flight.ts'
export { allowedActions, isTransitioning } from './states.ts'
export { runSteps, step, type Step } from './common/steps.ts'
export { watchStream, type WatchedStream } from './common/stream.ts'
export { checkTags, operationKey, pointerOf, toTags, type TagRules } from './common/tags.ts'
export type { Capability } from '../openapi/model/cloud.ts'
export { resourceKinds, type ResourceKind } from '../openapi/model/operation.ts'
export {
  ProblemError,
  problems,
  type FieldError,
  type ProblemCode,
  type ProblemDetails,
  type ProviderError
} from '../openapi/model/problem.ts'
export * from '../openapi/model/resources/index.ts'
