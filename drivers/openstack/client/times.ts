// Until compute and storage import it from metadata.ts.
export { toTimestamp } from './metadata.ts'
