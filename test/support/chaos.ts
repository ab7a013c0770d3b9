/** Which form the chaos tests have: the short one of every test run, or the long one of `npm run test:chaos`. */
export const isLong = process.env['CAUDAL_CHAOS'] === 'long'
