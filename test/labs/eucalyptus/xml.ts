/** A tree to be written as XML: a list becomes `<item>`s, null an empty element, undefined nothing. */
export type Tree = string | number | boolean | Date | null | undefined | Tree[] | { [name: string]: Tree }

export function element (name: string, content: Tree, attributes = ''): string {
  if (content === undefined) return ''
  const inside = inner(content)
  return inside === '' ? `<${name}${attributes}/>` : `<${name}${attributes}>${inside}</${name}>`
}

export function escape (text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}

function inner (content: Tree): string {
  if (content === null || content === undefined) return ''
  if (Array.isArray(content)) return content.map(item => element('item', item)).join('')
  if (content instanceof Date) return content.toISOString()
  if (typeof content === 'object') return Object.entries(content).map(([name, value]) => element(name, value)).join('')
  return escape(String(content))
}
