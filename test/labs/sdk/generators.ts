/** The version of openapi-generator; test/labs/sdk/install fetches it. */
export const generatorVersion = '7.25.0'

/** A placeholder for the address of the server in a command. */
const serverUrl = 'http://127.0.0.1:5070'
const documentUrl = `${serverUrl}/openapi.json`
/** It has no webhooks, for which openapi-generator writes Python that does not compile. */
const documentUrl30 = `${serverUrl}/openapi-3.0.json`

const jar = `java -jar openapi-generator-cli-${generatorVersion}.jar generate -i`

/**
 * The command for each language that README recommends and this lab runs. It writes the client to the folder
 * `orchestrator` (Python: the package `cloud_orchestrator` in it).
 */
export const commands = {
  Python: `${jar} ${documentUrl30} -o orchestrator -g python -p packageName=cloud_orchestrator`,
  Go: `${jar} ${documentUrl} -o orchestrator -g go` +
    ' -p packageName=orchestrator,withGoMod=false,generateUnmarshalJSON=false --global-property apiTests=false',
  Java: `${jar} ${documentUrl} -o orchestrator -g java -p library=native,useSingleRequestParameter=true` +
    ' --parameter-name-mappings wait=waitSeconds',
  TypeScript: `npx @hey-api/openapi-ts@0.95.0 -i ${documentUrl} -o orchestrator`
} as const

export type Language = keyof typeof commands

/** Returns the program and its arguments for a server at another address, with the tools of this lab. */
export function commandFor (language: Language, server: string, programs: { jar: string, openapiTs: string }) {
  const words = commands[language].replace(serverUrl, server).split(' ')
  if (words[0] === 'npx') return [programs.openapiTs, ...words.slice(2), '--no-log-file']
  return words.map((word) => word.endsWith('.jar') ? programs.jar : word)
}
