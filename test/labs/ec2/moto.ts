import path from 'node:path'
import type { Test } from 'tap'
import { root } from '../../helper/app.ts'
import { startTool } from '../python.ts'

export interface MotoOptions {
  /** refuses images, key pairs and types that it does not have */
  validate?: boolean
  /** checks signatures and permissions after the first calls */
  authenticate?: boolean
}

/** The number of calls without a check, which create a user. */
export const unchecked = 3

/** Starts moto, a stand-in of Amazon in memory, which ends with the test. Resolves to its address. */
export const startMoto = (t: Test, { validate = false, authenticate = false }: MotoOptions = {}): Promise<string> =>
  startTool(t, {
    name: 'moto_server',
    args: (port) => ['-H', '127.0.0.1', '-p', String(port)],
    env: {
      // All snapshots of its own thousand images are public.
      MOTO_AMIS_PATH: path.join(root, 'test/labs/ec2/images.json'),
      ...(authenticate ? { INITIAL_NO_AUTH_ACTION_COUNT: String(unchecked) } : {}),
      ...(validate
        ? {
            MOTO_ENABLE_AMI_VALIDATION: '1',
            MOTO_ENABLE_KEYPAIR_VALIDATION: '1',
            MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION: '1'
          }
        : {})
    },
    readyPath: '/moto-api/'
  })
