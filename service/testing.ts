/** caudal/testing: the real tasks on an in-memory Kafka and a clock moved by hand. */
export { testDriver } from './runtime/driver.ts'
export type { BytesToSend, ReadRecord, RecordToSend, TestDriver, TestDriverOptions } from './runtime/test-driver.ts'
