/** Reading the parameters of one request: `Name`, `Name.1`, `Name.1.Part`. */
import { fault } from './faults.ts'

export interface Query {
  one (name: string): string | undefined
  /** refuses when it is not there */
  need (name: string): string
  flag (name: string): boolean | undefined
  int (name: string): number | undefined
  /** `Name.1`, `Name.2`, or a single one without a number */
  list (name: string): string[]
  /** the parts below `Name.1`, `Name.2` */
  groups (name: string): Query[]
  has (prefix: string): boolean
}

export function reader (parameters: ReadonlyMap<string, string>): Query {
  const one = (name: string) => parameters.get(name) || undefined

  function numbered (name: string): number[] {
    const found = [...parameters.keys()]
      .filter((key) => key.startsWith(`${name}.`))
      .map((key) => key.slice(name.length + 1).split('.')[0] ?? '')
    return [...new Set(found.filter(part => /^\d{1,7}$/.test(part)).map(Number))].sort((a, b) => a - b)
  }

  return {
    one,
    need (name) {
      const value = one(name)
      if (value === undefined) throw fault('MissingParameter', `The request must contain the parameter ${name}`)
      return value
    },
    flag (name) {
      const value = one(name)
      return value === undefined ? undefined : value.toLowerCase() === 'true'
    },
    int (name) {
      const value = one(name)
      return value === undefined ? undefined : Number(value)
    },
    list (name) {
      const single = parameters.get(name)
      return single !== undefined ? [single] : numbered(name).flatMap(index => parameters.get(`${name}.${index}`) ?? [])
    },
    groups (name) {
      return numbered(name).map(index => {
        const prefix = `${name}.${index}.`
        const inside = [...parameters].filter(([key]) => key.startsWith(prefix))
        return reader(new Map(inside.map(([key, value]) => [key.slice(prefix.length), value])))
      })
    },
    has: prefix => [...parameters.keys()].some(key => key === prefix || key.startsWith(`${prefix}.`))
  }
}
