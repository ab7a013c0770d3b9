/** Made-up purchases for `dev`: the same ones for the same seed. */
import { seededRandom } from '../seeded-random.ts'

export interface Purchase {
  readonly customer: string
  readonly city: string
  readonly product: string
  readonly amount: number
  /** ISO 8601. */
  readonly at: string
}

/** The topic that purchases go to, keyed by customer. */
export const purchasesTopic = 'purchases'

const cities = ['Bergen', 'Kyoto', 'Lagos', 'Lima', 'Lyon', 'Oslo', 'Perth', 'Porto', 'Quito', 'Turin']
/** Prices are multiples of a quarter, so that totals have no rounding to show. */
const products = [
  { product: 'coffee', price: 3.25 },
  { product: 'bread', price: 4.5 },
  { product: 'book', price: 18 },
  { product: 'lamp', price: 42 },
  { product: 'shoes', price: 89 },
  { product: 'bicycle', price: 740 },
]
const customers = 40

/** The next purchase at each call; `now` in milliseconds since 1970. A few customers buy much, cheap things sell best, one in fifty is a refund. */
export function purchaseMaker(seed: number): (now: number) => Purchase {
  const random = seededRandom(seed)
  return (now) => {
    const number = 1 + Math.floor(random() ** 2 * customers)
    const { product, price } = products[Math.floor(random() ** 2 * products.length)] ?? { product: 'coffee', price: 3.25 }
    const pieces = 1 + Math.floor(random() * 3)
    const sign = random() < 0.02 ? -1 : 1
    return {
      customer: `customer-${String(number).padStart(2, '0')}`,
      city: cities[number % cities.length] ?? 'Oslo',
      product,
      amount: sign * price * pieces,
      at: new Date(now).toISOString(),
    }
  }
}
