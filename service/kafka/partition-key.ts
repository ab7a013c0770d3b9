/** A partition of a topic, and the text by which maps know it. */

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** `<topic>:<partition>`: the key of maps by partition. A topic's name has no colon. */
export const partitionKey = (topic: string, partition: number): string => `${topic}:${partition}`

/** Groups items by topic, in the shape of Kafka's requests; topics and partitions keep their order. */
export function byTopic<T extends TopicPartition, P>(
  items: readonly T[],
  shape: (item: T) => P,
): { name: string; partitions: P[] }[] {
  const topics = new Map<string, P[]>()
  for (const item of items) {
    const partitions = topics.get(item.topic)
    if (partitions) partitions.push(shape(item))
    else topics.set(item.topic, [shape(item)])
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }))
}
