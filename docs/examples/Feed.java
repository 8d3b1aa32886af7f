import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.ArrayList;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Feeds JSON lines from standard input to a run of Swirl whose topology says `topics.questions.format: json`.
 * It needs kafka-clients and nothing else:
 *
 *   java -cp 'libs/*' Feed.java 127.0.0.1:9092 swirl.main.questions < questions.jsonl
 */
public class Feed {
  public static void main(String[] arguments) throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", arguments[0]);
    // With these two a line is there once, however often it had to be sent.
    settings.put("acks", "all");
    settings.put("enable.idempotence", "true");
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (!line.isBlank()) sent.add(producer.send(new ProducerRecord<>(arguments[1], line)));
      }
      producer.flush();
    }
    for (Future<RecordMetadata> one : sent) one.get();
    System.err.println(sent.size() + " questions fed");
  }
}
