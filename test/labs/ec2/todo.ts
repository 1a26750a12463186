/** Conformance cases that fail on moto 5.2, and why. */
export const todo: Readonly<Record<string, string>> = {
  'key_pairs.create': 'moto answers 500 with an HTML page to a public key that is not valid',
  'security_groups.destroy': 'moto deletes a group that an instance uses',
  'volumes.attach': 'moto attaches a volume a second time'
}
