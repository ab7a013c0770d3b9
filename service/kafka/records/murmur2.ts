/** The hash by which Kafka's own clients choose the partition of a key. */

const seed = 0x9747b28c
const mix = 0x5bd1e995

/** MurmurHash2 as in `org.apache.kafka.common.utils.Utils.murmur2`: a signed 32-bit number. */
export function murmur2(bytes: Buffer): number {
  const length = bytes.length
  const whole = length & ~3
  let hash = seed ^ length
  for (let i = 0; i < whole; i += 4) {
    let word = (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24)
    word = Math.imul(word, mix)
    word = Math.imul(word ^ (word >>> 24), mix)
    hash = Math.imul(hash, mix) ^ word
  }
  if (length > whole) {
    // Bytes past the end are undefined and count as zero, which leaves the hash as it is.
    hash ^= (bytes[whole] ?? 0) | ((bytes[whole + 1] ?? 0) << 8) | ((bytes[whole + 2] ?? 0) << 16)
    hash = Math.imul(hash, mix)
  }
  hash = Math.imul(hash ^ (hash >>> 13), mix)
  return hash ^ (hash >>> 15)
}

/** The partition of `key` among `partitions`, as the Java client's default partitioner has it. */
export function partitionForKey(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}
