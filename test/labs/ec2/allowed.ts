/** What moto 5.2 does wrong: the test that fails for it → the reason. */
export const allowed: Readonly<Record<string, string>> = {
  'key_pairs.create': 'moto answers 500 with a page to a public key that is none',
  'security_groups.destroy': 'moto deletes a group that an instance is in',
  'volumes.attach': 'moto attaches a volume that is attached'
}
