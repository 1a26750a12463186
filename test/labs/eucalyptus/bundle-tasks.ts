import type { Actions } from './action.ts'

/** Bundling of Windows instances, which nobody does here (VmControl.DescribeBundleTasks). */
export const bundleTaskActions: Actions = {
  DescribeBundleTasks: () => ({ bundleInstanceTasksSet: [] })
}
