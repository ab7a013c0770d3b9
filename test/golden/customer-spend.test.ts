/** customer-spend against its golden file. */
import { describe } from 'node:test'
import { testGolden } from '../support/golden.ts'
import { customerSpendGolden } from '../support/goldens/customer-spend.ts'

describe('customer-spend', () => testGolden(customerSpendGolden))
