/** Thrown by a case that needs a capability which the cloud lacks. The suite then skips the case. */
export class Unmet extends Error {
  readonly capability: string

  constructor (capability: string) {
    super(`the cloud lacks ${capability}`)
    this.capability = capability
  }
}
