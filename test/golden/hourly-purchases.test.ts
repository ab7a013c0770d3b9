/** hourly-purchases against its golden file. */
import { describe } from 'node:test'
import { testGolden } from '../support/golden.ts'
import { hourlyPurchasesGolden } from '../support/goldens/hourly-purchases.ts'

describe('hourly-purchases', () => testGolden(hourlyPurchasesGolden))
