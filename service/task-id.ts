/** A task: one sub-topology on one partition number; the unit of ownership. */

/** `<sub-topology>_<partition>`, as it travels in join metadata, logs and metrics. */
export type TaskId = `${number}_${number}`

export const taskId = (subtopology: number, partition: number): TaskId => `${subtopology}_${partition}`

export function parseTaskId(id: TaskId): { readonly subtopology: number; readonly partition: number } {
  const [subtopology, partition] = id.split('_')
  return { subtopology: Number(subtopology), partition: Number(partition) }
}

export const isTaskId = (value: unknown): value is TaskId => typeof value === 'string' && /^\d{1,9}_\d{1,9}$/.test(value)
