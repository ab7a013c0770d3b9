import { type TestDriver, testDriver } from '../../../service/testing.ts'

/** `of`: what testDriver takes. */
export async function withDriver(of: Parameters<typeof testDriver>, work: (driver: TestDriver) => Promise<void>): Promise<void> {
  const driver = await testDriver(...of)
  try {
    await work(driver)
  } finally {
    await driver.stop()
  }
}
