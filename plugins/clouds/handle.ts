import type { Call, Log } from '../../drivers/call.ts'
import type { Connection, ServiceName } from '../../drivers/driver.ts'
import type { Caller } from '../auth/caller.ts'
import { requireCapability } from './capabilities.ts'
import type { Freshness } from './freshness.ts'
import type { Answer, Read } from './shared-reads.ts'

/** The origin of a call to a cloud, and its terms. */
export interface CallContext {
  requestId: string
  log: Log
  /** The id of the operation that makes the call. A create carries it into the cloud. */
  operation?: string
  /** The header `traceparent` of the request, if the server makes traces. */
  traceparent?: string | undefined
  /** Takes the cloud's own id of a request that changes something, with the operation that sent it. */
  noteRequestId?: ((id: string, operation: string | undefined) => void) | undefined
  /**
   * The time limit in milliseconds, if it is shorter than that of the cloud. Infinity for a call without a limit, such
   * as an upload, which the driver ends when no data flows.
   */
  timeout?: number
  /** Returns a signal that aborts when the client disconnects. A change does not have it: it continues. */
  caller?: () => AbortSignal
  /** Who makes the request. Results then have only the actions that this caller may do. */
  onBehalfOf?: Caller
}

export type CloudCall<T> = (connection: Connection, call: Call) => Promise<T>

/** An enabled cloud with the context of its calls. Routes, actions and operations use clouds through handles. */
export interface CloudHandle {
  readonly name: string
  readonly connection: Connection
  /** Who makes the request; undefined without `auth`, and for the calls of the server itself. */
  readonly caller: Caller | undefined
  /** Throws not_supported or validation_failed if the cloud cannot do this with this input. Makes no call. */
  require(capability: string, input?: object): void
  /** Makes the capabilities of the cloud known. Returns undefined if they are, as those of most clouds always are. */
  prepare(): Promise<void> | undefined
  /**
   * Runs one call with a deadline. Throws only ProblemErrors, which name the cloud. Any other error of a driver becomes
   * internal_error.
   */
  call<T>(run: CloudCall<T>): Promise<T>
  /** Reads for a client. Equal reads under way share one call, and its answer is kept for the time of the settings. */
  read<T extends object>(read: Read<T>): Promise<Answer<T>>
  /** Runs a call that changes a service. What was read of the cloud before is not shown afterwards. */
  change<T>(service: ServiceName, run: CloudCall<T>): Promise<T>
  /** Returns a handle whose calls have these differences. */
  with(changes: Partial<CallContext>): CloudHandle
}

/** The ways to call a cloud, which its handles share. */
export interface CloudCalls {
  call<T>(to: Connection, context: CallContext, run: CloudCall<T>): Promise<T>
  change<T>(to: Connection, context: CallContext, run: CloudCall<T>): Promise<T>
  read<T extends object>(read: Read<T>, context: CallContext): Promise<Answer<T>>
  freshness: Freshness
  /** Called after a direct change of a service. */
  onChange (service: ServiceName): void
}

/** A class, because every request makes one: an object literal with closures costs a tenth of a small list. */
export class Handle implements CloudHandle {
  readonly name: string
  readonly connection: Connection
  readonly #context: CallContext
  readonly #calls: CloudCalls

  constructor (name: string, connection: Connection, context: CallContext, calls: CloudCalls) {
    this.name = name
    this.connection = connection
    this.#context = context
    this.#calls = calls
  }

  get caller () {
    return this.#context.onBehalfOf
  }

  require (capability: string, input?: object) {
    requireCapability(this.connection, capability, input)
  }

  prepare () {
    // A call prepares the connection by itself.
    return this.connection.prepare === undefined ? undefined : this.call(async () => {})
  }

  call<T> (run: CloudCall<T>) {
    return this.#calls.call(this.connection, this.#context, run)
  }

  read<T extends object> (read: Read<T>) {
    return this.#calls.read(read, this.#context)
  }

  async change<T> (service: ServiceName, run: CloudCall<T>) {
    const { freshness, onChange } = this.#calls
    freshness.touch(service)
    try {
      return await this.#calls.change(this.connection, this.#context, run)
    } finally {
      // A read that began during the change may show the state before it.
      freshness.touch(service)
      // The steps of operations are events of their own.
      if (this.#context.operation === undefined) onChange(service)
    }
  }

  with (changes: Partial<CallContext>) {
    return new Handle(this.name, this.connection, { ...this.#context, ...changes }, this.#calls)
  }
}
