import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createApp } from '../../app.ts'
import { loadSettings } from '../../config/index.ts'
import type { DriverPlugin } from '../../drivers/driver.ts'
import { adoptDriver } from '../../drivers/load.ts'
import { createApi, type Send } from '../helper/api.ts'
import { createDocumentCheck } from '../helper/document.ts'
import { checkOf, type Check, type NodeTestContext } from './check.ts'
import type { CloudFacts } from './context.ts'
import { runSuite } from './run.ts'

export {
  startFaultProxy, type FaultEffect, type FaultHandle, type FaultMatch, type FaultProxy, type FaultProxyOptions,
  type FaultRecord, type FaultRule
} from '../labs/fault-proxy.ts'
export type { Check, NodeTestContext } from './check.ts'
export type { CloudFacts } from './context.ts'

/** A driver to test, how to reach its cloud, and what is in it. */
export interface Target extends CloudFacts {
  driver: DriverPlugin
  /** The settings of the cloud, as in the settings file, without `driver`. */
  settings: Record<string, unknown>
  /** An account that may have one node only. Without it, quotas are not tested. */
  tight?: {
    settings: Record<string, unknown>
    /** Fields of a create that replace those of the first account. */
    create?: object
  }
}

/**
 * Runs the conformance suite on a driver, within a test of tap or of node:test. It starts a server in this process with
 * the cloud and a store in a temporary folder, and sends requests of the API.
 */
export async function conformance (test: Check | NodeTestContext, target: Target): Promise<void> {
  const t = checkOf(test)
  const { driver: given, settings: own, tight, absent, capabilities, ...facts } = target
  const plugin = adoptDriver(given)
  const { name } = plugin.driver
  const directory = mkdtempSync(path.join(tmpdir(), 'orchestrator-conformance-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const clouds = {
    default: { ...own, driver: name }, ...tight === undefined ? {} : { tight: { ...tight.settings, driver: name } }
  }
  const config = path.join(directory, 'orchestrator.json')
  writeFileSync(config, JSON.stringify({ operations: { poll_ms: 20 }, clouds }))
  const drivers = new Map([[name, plugin]])
  const app = createApp({ settings: loadSettings({ config, env: {}, cwd: directory, drivers }), drivers })
  t.teardown(() => app.close())
  await app.ready()
  const send: Send = async ({ method, url, headers, payload }) => {
    const answer = await app.inject({ method, url, headers, payload })
    return { status: answer.statusCode, headers: answer.headers as Record<string, string>, text: answer.body }
  }
  const api = createApi(send, createDocumentCheck(app.swagger()))
  const others = tight === undefined ? {} : { tightCloud: 'tight', tightCreate: tight.create ?? {} }
  await runSuite(t, { ...facts, ...others, app, api, cloud: 'default', absentIds: absent, expected: capabilities })
}
