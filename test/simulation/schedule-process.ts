/** A process that runs schedules, one job after another: without a test runner around it, whose hooks would take half of the time. */
import { carryOut, type Job } from './schedule-jobs.ts'

process.on('message', (job: Job) => {
  carryOut(job).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      throw error
    },
  )
})
