/** Made-up purchases for `dev` and for the sample files: lines of a shop's invoices, the same ones for the same seed. */
import { seededRandom } from '../seeded-random.ts'

/** One line of an invoice. */
export interface Purchase {
  /** That of a refund begins with C. */
  readonly invoice: string
  readonly stockCode: string
  readonly description: string
  /** Below zero in a refund. */
  readonly quantity: number
  /** ISO 8601: when it was sold, which is before it is told. */
  readonly invoiceDate: string
  /** A multiple of a quarter, so that sums of floats are exact. */
  readonly unitPrice: number
  readonly customer: string
  readonly country: string
}

/** The topic that purchases go to, keyed by customer. */
export const purchasesTopic = 'purchases'

const articles: readonly (readonly [stockCode: string, description: string, unitPrice: number])[] = [
  ['22197', 'popcorn holder', 0.75],
  ['84879', 'paper bird', 1.75],
  ['21212', 'cake cases', 0.5],
  ['85123A', 'candle holder', 2.5],
  ['22720', 'cake tins', 4.25],
  ['23084', 'night light', 1.75],
  ['47566', 'party bunting', 4.5],
  ['22423', 'cake stand', 12.75],
  ['22086', 'paper chain', 2.75],
  ['82482', 'picture frame', 8],
  ['22114', 'hot water bottle', 3.75],
  ['79321', 'chilli lights', 5.25],
  ['48187', 'doormat', 7.5],
  ['22655', 'kitchen cabinet', 165],
]
const countries = ['Belgium', 'Finland', 'France', 'Germany', 'Ireland', 'Norway', 'Portugal', 'Spain', 'Sweden', 'Wales']
const customers = 40
const firstCustomer = 12_340
const firstInvoice = 536_365
const linesMax = 4

const minuteMs = 60_000
/** Most are told at once, nearly all within a few minutes; one in five hundred when its hour is long over. */
const delayMeanMs = 1.5 * minuteMs
const delayMaxMs = 9 * minuteMs
const forgottenShare = 1 / 500
const forgottenMs = 80 * minuteMs

/** The next purchase at each call; `now`, ms since 1970, is when it is told. A few customers buy much, cheap things sell best, few come back. */
export function purchaseMaker(seed: number): (now: number) => Purchase {
  const random = seededRandom(seed)
  let invoices = 0
  let left = 0
  let basket = { invoice: '', invoiceDate: '', customer: '', country: '', sign: 1 }
  const begin = (now: number) => {
    const customer = Math.floor(random() ** 2 * customers)
    const isRefund = random() < 0.02
    const delayMs = random() < forgottenShare ? forgottenMs : Math.min(delayMaxMs, -Math.log(1 - random()) * delayMeanMs)
    const number = firstInvoice + invoices++
    basket = {
      invoice: isRefund ? `C${number}` : `${number}`,
      // To the second, as tills print it.
      invoiceDate: `${new Date(now - delayMs).toISOString().slice(0, 19)}Z`,
      customer: `${firstCustomer + customer}`,
      country: countries[customer % countries.length] ?? 'Wales',
      sign: isRefund ? -1 : 1,
    }
    left = 1 + Math.floor(random() * linesMax)
  }
  return (now) => {
    if (left === 0) begin(now)
    left -= 1
    const [stockCode, description, unitPrice] = articles[Math.floor(random() ** 2 * articles.length)] ?? ['', '', 0]
    const { invoice, invoiceDate, customer, country, sign } = basket
    const quantity = sign * (1 + Math.floor(random() ** 2 * 12))
    return { invoice, stockCode, description, quantity, invoiceDate, unitPrice, customer, country }
  }
}
