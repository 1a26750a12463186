/** A UUID, as OpenStack and Rackspace use for most ids. */
export const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** An id that is a name which users choose: 1 to 255 printable characters without a slash. */
export const printableName = /^[^\p{C}/]{1,255}$/u
