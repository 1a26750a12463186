import { defined, renameParameters, type ConvertedEntry, type OriginalEntry } from '../original.ts'

/** Arguments of Libcloud's driver (libcloud/common/openstack.py) that are settings of `auth`, and their names there. */
const authParameters = {
  ex_tenant_name: 'project_name',
  ex_domain_name: 'user_domain_name',
  ex_tenant_domain_id: 'project_domain_id',
  ex_force_auth_token: 'token'
}

/** The arguments that are settings of the cloud. */
const parameters = {
  ex_force_service_region: 'region_name',
  region: 'region_name',
  ex_force_base_url: 'compute_endpoint_override',
  ex_force_image_url: 'image_endpoint_override',
  ex_force_network_url: 'network_endpoint_override',
  ex_force_volume_url: 'block_storage_endpoint_override',
  ex_force_auth_url: 'auth_url',
  ex_force_auth_version: 'version'
}

/** Versions of Identity in Libcloud that log in with a name and a password; 2.0 is read as 3. */
const passwordVersion = /^(?:2\.0|2\.0_password|3\.x|3\.x_password)$/
const credentialVersion = '3.x_appcred'

/** The end of an address that names the version of Identity, as Libcloud accepts it. */
const versionPath = /\/v(?:2\.0(?:\/tokens)?|3(?:\/auth\/tokens)?)\/?$/

function pick (extra: Record<string, unknown>, names: Readonly<Record<string, string>>) {
  return renameParameters(
    Object.fromEntries(Object.entries(extra).filter(([name]) => name in names)),
    names
  )
}

/**
 * Converts the settings of Libcloud's OpenStack driver. This driver speaks Identity v3 only, so a version 2.0 becomes 3
 * and is noted.
 */
export function fromOriginal ({ user, password, extra }: OriginalEntry): ConvertedEntry {
  renameParameters(extra, { ...authParameters, ...parameters })
  const { auth_url: url, version = '3.x_password', ...settings } = pick(extra, parameters)
  const isCredential = version === credentialVersion
  if (typeof version !== 'string' || (!isCredential && !passwordVersion.test(version))) {
    throw new Error(
      `EXTRA_PARAMS.ex_force_auth_version is ${JSON.stringify(version)}; expected 2.0_password, ` +
        `3.x_password or ${credentialVersion}`
    )
  }
  if (typeof url !== 'string') {
    throw new Error('EXTRA_PARAMS.ex_force_auth_url is required: the address of Identity')
  }
  const auth = isCredential
    ? { application_credential_id: user, application_credential_secret: password }
    : { username: user, password, ...pick(extra, authParameters) }
  const notes = version.startsWith('2.0')
    ? [
        'Identity v2.0 is used no more: the cloud must also offer v3, and the domain of user and project is Default.'
      ]
    : []
  const authUrl = `${url.replace(versionPath, '').replace(/\/$/, '')}/v3`
  return { settings: { ...settings, auth: defined({ auth_url: authUrl, ...auth }) }, notes }
}
