/** The type of the event that tells a receiver that events before it are missing. */
export const resetType = 'reset'

/** The `data` of such an event. `reason` is a sentence that tells why events are missing. */
export const resetData = (reason: string) => ({ detail: `${reason} List the resources again.` })
