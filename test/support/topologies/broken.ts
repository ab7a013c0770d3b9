/** Exports what is no topology. */
export default { name: 'broken' }
