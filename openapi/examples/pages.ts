import type { Example, Examples } from './collect.ts'

interface Document {
  tags: { name: string, description: string }[]
  paths: Record<
    string,
    Record<string, { operationId: string, summary: string, description: string, tags: string[] }>
  >
}

const server = 'http://127.0.0.1:5070'

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

/** Writes a call as a line of curl. */
function toCurl ({ method, url, headers, body, contentType }: Example): string {
  const isFile = headers['content-type'] === 'application/octet-stream'
  const parts = [
    `curl ${contentType === 'text/event-stream' ? '-N ' : ''}${
      method === 'GET' ? '' : `-X ${method} `
    }${
      url.includes('?') ? quote(server + url) : server + url
    }`,
    ...Object.entries(headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`),
    ...(body === undefined ? [] : [`-d ${quote(JSON.stringify(body))}`]),
    ...(isFile ? ['--data-binary @FILE'] : [])
  ]
  return parts.join(' \\\n  ')
}

const block = (language: string, text: string) => `\`\`\`${language}\n${text}\n\`\`\``

const slugOf = (tag: string) => tag.toLowerCase().replaceAll(' ', '-')

/** Returns the pages of the API by their file names: one for each tag, with the calls and the answers of a real run. */
export function renderPages (document: object, examples: Examples): Record<string, string> {
  const { tags, paths } = document as Document
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .map(([method, operation]) => ({ ...operation, path, method: method.toUpperCase() }))
  )
  const pages = tags.map(({ name, description }) => {
    const sections = operations.filter(({ tags: [tag] }) => tag === name).map((operation) => {
      const example = examples[operation.operationId]
      if (example === undefined) {
        throw new Error(`${operation.operationId} has no example: see openapi/examples/calls.ts`)
      }
      const answer = example.answer === undefined
        ? []
        : typeof example.answer === 'string'
          ? [block('text', example.answer.trim())]
          : [block('json', JSON.stringify(example.answer, null, 2))]
      return [
        `## ${operation.summary}`,
        `\`${operation.method} ${operation.path}\` (\`${operation.operationId}\`)`,
        operation.description,
        block('sh', toCurl(example)),
        `The answer has the status ${example.status}${answer.length === 0 ? ' and no body' : ''}.`,
        ...answer
      ].join('\n\n')
    })
    return [
      `${slugOf(name)}.md`,
      `# ${name}\n\n${description}.\n\n${sections.join('\n\n')}\n`
    ] as const
  })
  const rows = tags.map(({ name, description }) =>
    `| [${name}](${slugOf(name)}.md) | ${description} |`
  )
  const index =
    '# The API by example\n\nEvery operation with a call and its answer. `npm run openapi` writes these ' +
    'pages: it starts a server with the default farm in memory, makes the calls and pastes the answers.\n\n' +
    `| Page | Content |\n|---|---|\n${rows.join('\n')}\n`
  return { 'README.md': index, ...Object.fromEntries(pages) }
}
