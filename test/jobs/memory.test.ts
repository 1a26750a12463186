import { testJobs } from './cases.ts'

testJobs(async () => ({ STORE_FILE: ':memory:' }))
