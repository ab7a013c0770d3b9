/** caudal/testing: the real tasks on an in-memory Kafka and a clock moved by hand. */
export {
  type BytesToSend,
  type ReadRecord,
  type RecordToSend,
  type TestDriver,
  type TestDriverOptions,
  testDriver,
} from './runtime/driver.ts'
