/** The seed of what a test leaves to chance. */

/** The seed of this run: CAUDAL_SEED, or another one each time. */
export const seedOfRun = (): number => Number(process.env['CAUDAL_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
