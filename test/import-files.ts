import path from 'node:path'

// Imports the test files that TEST_FILES names, so that they run in this process, one after the other.
for (const file of (process.env['TEST_FILES'] ?? '').split(path.delimiter)) await import(file)
