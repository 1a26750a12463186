/** One page of a provider's list and the token of the next page; null or undefined after the last page. */
export interface ProviderPage<T, Token = string> {
  items: T[]
  next?: Token | null | undefined
}

/** Reads the pages of a list, one after the other. */
export async function * readPages<T, Token = string> (
  read: (token: Token | null) => Promise<ProviderPage<T, Token>>
): AsyncGenerator<T[], void, undefined> {
  let token: Token | null = null
  do {
    const page: ProviderPage<T, Token> = await read(token)
    yield page.items
    token = page.next ?? null
  } while (token !== null)
}

/** Reads all pages of a list into one array. */
export async function readAll<T, Token = string> (
  read: (token: Token | null) => Promise<ProviderPage<T, Token>>
): Promise<T[]> {
  const all: T[] = []
  for await (const items of readPages(read)) for (const item of items) all.push(item)
  return all
}
