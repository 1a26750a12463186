import type { Call } from '../../call.ts'
import { runOrRollBack, type Rollback } from '../../common/rollback.ts'
import type { Cloud } from './cloud.ts'
import { setTags, toTagList, type Labels } from './tags.ts'

export { runOrRollBack } from '../../common/rollback.ts'

/** Sets name and tags after a creation, if the cloud does not accept them with it. If that fails, it rolls back. */
export async function labelOrRollBack (
  cloud: Cloud,
  id: string,
  labels: Labels,
  call: Call,
  rollBack: Rollback
): Promise<void> {
  if (cloud.dialect.tagsOnCreate) return
  await runOrRollBack(
    call,
    `${id} exists`,
    () => setTags(cloud, [id], toTagList(labels), call),
    rollBack
  )
}
