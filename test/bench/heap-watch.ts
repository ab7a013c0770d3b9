/** Loaded before a process, into each of its threads: notes how much of the heap is in use behind each full collection. */
import { appendFileSync } from 'node:fs'
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { threadId } from 'node:worker_threads'

export interface HeapNote {
  readonly thread: number
  /** ms since 1970. */
  readonly at: number
  readonly usedBytes: number
}

const file = process.env['HEAP_NOTES']

if (file !== undefined) {
  new PerformanceObserver((list) => {
    const isFull = list
      .getEntries()
      .some(
        (entry) =>
          (entry as { readonly detail?: { readonly kind?: number } }).detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR,
      )
    if (!isFull) return
    const note: HeapNote = { thread: threadId, at: Date.now(), usedBytes: getHeapStatistics().used_heap_size }
    appendFileSync(file, `${JSON.stringify(note)}\n`)
  }).observe({ entryTypes: ['gc'] })
}
