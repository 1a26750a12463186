export { connectLazily, type Launch } from './lazy.ts'
export { processSettings, type ProcessLimits } from './settings.ts'
