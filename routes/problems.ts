import type { FastifyInstance } from 'fastify'
import { ProblemError, problems, toProblem, type ProblemCode } from '../openapi/model/index.ts'

const codes = Object.keys(problems) as ProblemCode[]

/** Tells whether the same request may be sent again. */
const retryText = (retryable: boolean) =>
  retryable
    ? 'The same request may succeed later. Wait for `retry_after` seconds if the problem has it.'
    : 'The same request does not succeed later: something must change first.'

/** Returns the page of a problem code in Markdown: what it means, what to do, an example. */
function pageOf (code: ProblemCode): string {
  const { title, status, hint, retryable } = toProblem(new ProblemError(code, problems[code].title))
  const example = toProblem(new ProblemError(code, `${title}.`), {
    instance: '/api/v2/clouds/default/nodes',
    request_id: '5f0c6d0e-5f0a-4d2e-9a57-0f6f2a0c7a11'
  })
  return [
    `# ${title}`,
    `\`${code}\`, status ${status}`,
    `${hint} ${retryText(retryable)}`,
    'The field `detail` of the problem tells what happened in this case; `hint` may have a more specific next step.',
    `\`\`\`json\n${JSON.stringify(example, null, 2)}\n\`\`\``,
    '[All problems](/problems)'
  ].join('\n\n') + '\n'
}

function indexPage (): string {
  const rows = codes.map((code) =>
    `| [\`${code}\`](/problems/${code}) | ${problems[code].status} | ${problems[code].title} |`
  )
  const head = 'Every error of this server is `application/problem+json` with one of these codes.'
  return `# Problems\n\n${head}\n\n| Code | Status | Meaning |\n|---|---|---|\n${rows.join('\n')}\n`
}

const escape = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** Renders the few forms of Markdown that the pages above use. */
function toHtml (markdown: string): string {
  const inline = (text: string) =>
    escape(text)
      .replaceAll(/`([^`]+)`/g, '<code>$1</code>')
      .replaceAll(/\[(.+?)\]\(([^)]+)\)/g, '<a href="$2">$1</a>')
  const toCell = (cell: string) => `<td>${inline(cell.trim())}</td>`
  const toRow = (line: string) => `<tr>${line.split('|').slice(1, -1).map(toCell).join('')}</tr>`
  const blocks = markdown.trim().split(/\n\n(?!\s)/).map((block) => {
    if (block.startsWith('# ')) return `<h1>${inline(block.slice(2))}</h1>`
    if (block.startsWith('```')) {
      return `<pre>${escape(block.split('\n').slice(1, -1).join('\n'))}</pre>`
    }
    if (!block.startsWith('|')) return `<p>${inline(block)}</p>`
    return `<table>${
      block.split('\n').filter((line) => !line.startsWith('|---')).map(toRow).join('')
    }</table>`
  })
  const [, title = ''] = /^# (.*)/.exec(markdown) ?? []
  return '<!doctype html><html lang="en"><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width"><style>body{font:16px/1.5 sans-serif;max-width:50rem;' +
    'margin:2rem auto;padding:0 1rem}pre{background:#f4f4f4;padding:1rem;overflow:auto}td{padding:.1rem .8rem 0 0}' +
    `</style><title>${escape(title)}</title>${blocks.join('\n')}</html>\n`
}

const hidden = { config: { level: 'open' as const }, schema: { hide: true } }

/** The pages of the problem codes, to which `type` of a problem leads: HTML for browsers, otherwise Markdown. */
export default async function routes (fastify: FastifyInstance) {
  const add = (url: string, page: (code: string) => string | undefined) => {
    fastify.get<{ Params: { code?: string } }>(url, hidden, async (request, reply) => {
      const { code = '' } = request.params
      const markdown = page(code)
      if (markdown === undefined) {
        throw new ProblemError(
          'resource_not_found',
          `No problem has the code "${code.slice(0, 64)}"`,
          {
            hint: 'GET /problems lists all codes.'
          }
        )
      }
      reply.header('vary', `accept, ${String(reply.getHeader('vary'))}`)
      const isHtml = request.type(['text/markdown', 'html']) === 'html'
      return isHtml
        ? reply.type('text/html; charset=utf-8').send(toHtml(markdown))
        : reply.type('text/markdown; charset=utf-8').send(markdown)
    })
  }
  add('/problems', indexPage)
  add(
    '/problems/:code',
    (code) => Object.hasOwn(problems, code) ? pageOf(code as ProblemCode) : undefined
  )
}
