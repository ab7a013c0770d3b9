import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Who stands beside what is tested and sees it only through Kafka's own Java client: sends the input, reads the output while it is written,
 * watches the group's offsets, and in the end reads everything once more.
 *
 * <p>Arguments: bootstrap servers, group, input topic, then the topics to be read while they are written. Commands come in by lines, what was
 * seen goes out by lines; both are fields with tabs between them, keys, values and metadata in base64, "-" for null. Times are ms since 1970.
 *
 * <pre>
 *   in:  send      number partition|-1 key value
 *        finish    regular expression of topics
 *   out: acked     number partition offset
 *        refused   number message
 *        seen      time topic partition offset timestamp key value
 *        offset    time topic partition offset metadata      the group's, when it has changed
 *        committed|raw  topic partition offset timestamp key value
 *        ends      topic partition first stable end
 *        finished
 *        broken    message                                   of a part that can't go on
 * </pre>
 */
public final class Bystander {
  private static final Duration POLL = Duration.ofMillis(200);
  private static final long OFFSETS_EVERY_MS = 100;
  /** A final read that gets nothing for so long gives up; what it didn't get is then missed by who compares. */
  private static final long SILENCE_MS = 30_000;

  private final String brokers;
  private final String group;
  private final String input;
  private final PrintWriter out =
      new PrintWriter(new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8), 1 << 16));

  private Bystander(String brokers, String group, String input) {
    this.brokers = brokers;
    this.group = group;
    this.input = input;
  }

  public static void main(String[] args) throws IOException {
    Bystander bystander = new Bystander(args[0], args[1], args[2]);
    Set<String> outputs = Set.of(List.of(args).subList(3, args.length).toArray(new String[0]));
    bystander.inBackground("reader", () -> bystander.readAlong(outputs));
    bystander.inBackground("offsets", bystander::watchOffsets);
    bystander.obey(new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)));
    System.exit(0);
  }

  private void obey(BufferedReader commands) throws IOException {
    Properties settings = common();
    settings.put("key.serializer", ByteArraySerializer.class.getName());
    settings.put("value.serializer", ByteArraySerializer.class.getName());
    settings.put("acks", "all");
    settings.put("linger.ms", "5");
    settings.put("delivery.timeout.ms", Integer.toString(Integer.MAX_VALUE));
    settings.put("max.block.ms", "600000");
    try (Producer<byte[], byte[]> producer = new KafkaProducer<>(settings)) {
      for (String line = commands.readLine(); line != null; line = commands.readLine()) {
        String[] fields = line.split("\t");
        if (fields[0].equals("send")) send(producer, fields);
        else if (fields[0].equals("finish")) finish(Pattern.compile(fields[1]));
        else broken("command", new IllegalArgumentException(line));
      }
    }
  }

  private void send(Producer<byte[], byte[]> producer, String[] fields) {
    int partition = Integer.parseInt(fields[2]);
    Integer chosen = partition < 0 ? null : partition;
    producer.send(
        new ProducerRecord<>(input, chosen, bytes(fields[3]), bytes(fields[4])),
        (answer, error) -> {
          if (error == null) tell("acked", fields[1], answer.partition(), answer.offset());
          else tell("refused", fields[1], error);
        });
  }

  /** Reads what is committed, by assignment, so that no coordinator is asked. */
  private void readAlong(Set<String> topics) {
    try (Consumer<byte[], byte[]> consumer = consumer(IsolationLevel.READ_COMMITTED)) {
      assignFromBeginning(consumer, partitionsOf(consumer, topics));
      while (true) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
          tell("seen", System.currentTimeMillis(), place(record), text(record.key()), text(record.value()));
        }
        out.flush();
      }
    }
  }

  private void watchOffsets() {
    Map<TopicPartition, OffsetAndMetadata> known = new HashMap<>();
    try (Admin admin = Admin.create(common())) {
      while (true) {
        Map<TopicPartition, OffsetAndMetadata> offsets = offsetsNow(admin);
        offsets.forEach(
            (partition, offset) -> {
              if (offset != null && !offset.equals(known.put(partition, offset))) tellOffset(partition, offset);
            });
        out.flush();
        Thread.sleep(OFFSETS_EVERY_MS);
      }
    } catch (InterruptedException ignored) {
      // Nobody interrupts it: it ends with the process.
    }
  }

  private void tellOffset(TopicPartition partition, OffsetAndMetadata offset) {
    String metadata = text(offset.metadata().getBytes(StandardCharsets.UTF_8));
    tell("offset", System.currentTimeMillis(), partition.topic(), partition.partition(), offset.offset(), metadata);
  }

  /** Without an answer there is nothing new; the next look asks again. */
  private Map<TopicPartition, OffsetAndMetadata> offsetsNow(Admin admin) throws InterruptedException {
    try {
      return admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
    } catch (java.util.concurrent.ExecutionException error) {
      return Map.of();
    }
  }

  /** Everything from the beginning, first as committed, then as it stands in the logs. */
  private void finish(Pattern pattern) {
    try (Admin admin = Admin.create(common())) {
      Set<String> topics = new HashSet<>();
      for (String name : admin.listTopics().names().get()) if (pattern.matcher(name).matches()) topics.add(name);
      Map<TopicPartition, Long> stable;
      Map<TopicPartition, Long> ends;
      try (Consumer<byte[], byte[]> consumer = consumer(IsolationLevel.READ_COMMITTED)) {
        Collection<TopicPartition> partitions = partitionsOf(consumer, topics);
        ends = offsets(admin, partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED);
        stable = offsets(admin, partitions, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED);
        Map<TopicPartition, Long> first = offsets(admin, partitions, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED);
        for (TopicPartition partition : partitions) {
          tell("ends", partition.topic(), partition.partition(), first.get(partition), stable.get(partition), ends.get(partition));
        }
        readTo(consumer, "committed", stable);
      }
      try (Consumer<byte[], byte[]> consumer = consumer(IsolationLevel.READ_UNCOMMITTED)) {
        readTo(consumer, "raw", ends);
      }
      for (Map.Entry<TopicPartition, OffsetAndMetadata> entry : offsetsNow(admin).entrySet()) {
        if (entry.getValue() != null) tellOffset(entry.getKey(), entry.getValue());
      }
      tell("finished");
    } catch (Exception error) {
      broken("the final read", error);
    }
    out.flush();
  }

  private void readTo(Consumer<byte[], byte[]> consumer, String word, Map<TopicPartition, Long> ends) {
    assignFromBeginning(consumer, ends.keySet());
    long heard = System.currentTimeMillis();
    while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
      Iterable<ConsumerRecord<byte[], byte[]>> records = consumer.poll(POLL);
      for (ConsumerRecord<byte[], byte[]> record : records) {
        tell(word, place(record), text(record.key()), text(record.value()));
        heard = System.currentTimeMillis();
      }
      if (System.currentTimeMillis() - heard > SILENCE_MS) {
        broken("the final read", new IllegalStateException("it got no further than " + positions(consumer, ends.keySet())));
        return;
      }
    }
  }

  private static Map<TopicPartition, Long> positions(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
    return partitions.stream().collect(Collectors.toMap(partition -> partition, consumer::position));
  }

  private static Map<TopicPartition, Long> offsets(
      Admin admin, Collection<TopicPartition> partitions, OffsetSpec spec, IsolationLevel isolation) throws Exception {
    Map<TopicPartition, OffsetSpec> asked = partitions.stream().collect(Collectors.toMap(partition -> partition, any -> spec));
    Map<TopicPartition, Long> found = new HashMap<>();
    Map<TopicPartition, ListOffsetsResultInfo> answer = admin.listOffsets(asked, new ListOffsetsOptions(isolation)).all().get();
    answer.forEach((partition, info) -> found.put(partition, info.offset()));
    return found;
  }

  private static List<TopicPartition> partitionsOf(Consumer<?, ?> consumer, Collection<String> topics) {
    return topics.stream()
        .flatMap(topic -> consumer.partitionsFor(topic, Duration.ofMinutes(2)).stream())
        .map(info -> new TopicPartition(info.topic(), info.partition()))
        .toList();
  }

  private static void assignFromBeginning(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
  }

  private Consumer<byte[], byte[]> consumer(IsolationLevel isolation) {
    Properties settings = common();
    settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
    settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
    settings.put("isolation.level", isolation.toString());
    settings.put("enable.auto.commit", "false");
    // Records that are gone are not to be passed over in silence.
    settings.put("auto.offset.reset", "none");
    settings.put("fetch.max.wait.ms", "50");
    settings.put("default.api.timeout.ms", "120000");
    return new KafkaConsumer<>(settings);
  }

  private Properties common() {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    settings.put("client.id", "bystander");
    settings.put("reconnect.backoff.max.ms", "200");
    settings.put("retry.backoff.max.ms", "200");
    settings.put("metadata.max.age.ms", "2000");
    settings.put("request.timeout.ms", "10000");
    // Where brokers come back at other addresses.
    settings.put("metadata.recovery.strategy", "rebootstrap");
    return settings;
  }

  private void inBackground(String name, Runnable work) {
    Thread thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (RuntimeException error) {
                broken(name, error);
              }
            },
            name);
    thread.setDaemon(true);
    thread.start();
  }

  private void broken(String part, Exception error) {
    tell("broken", part + ": " + error.toString().replaceAll("\\s+", " "));
    out.flush();
  }

  private static String place(ConsumerRecord<?, ?> record) {
    return record.topic() + "\t" + record.partition() + "\t" + record.offset() + "\t" + record.timestamp();
  }

  private static String text(byte[] bytes) {
    return bytes == null ? "-" : Base64.getEncoder().encodeToString(bytes);
  }

  private static byte[] bytes(String text) {
    return text.equals("-") ? null : Base64.getDecoder().decode(text);
  }

  /** One line; threads don't mix theirs. */
  private void tell(Object... fields) {
    StringBuilder line = new StringBuilder();
    for (Object field : fields) line.append(line.length() == 0 ? "" : "\t").append(field);
    line.append('\n');
    synchronized (out) {
      out.print(line);
    }
  }
}
