package bench;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.Stores;

/**
 * The shipping service of the order example, as one would write it with Kafka Streams for speed: the
 * Processor API, one store, exactly once, bytes in and bytes out. Every setting that differs from the
 * default is here with its reason; each was kept because it measured better than the default.
 */
public final class Shipping {
    private static final String SOURCE_ORDERS = "orders";
    private static final String SOURCE_MANUFACTURED = "manufactured";
    private static final String RECONCILE = "reconcile";

    /** Takes {@code --name value} pairs; see {@code scripts/bench-compare} for all of them. */
    public static void main(String[] args) throws IOException {
        Map<String, String> given = new HashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) {
            given.put(args[i], args[i + 1]);
        }
        KafkaStreams streams = new KafkaStreams(topology(given), settings(given));
        // A thread that was fenced starts again, as in any production service.
        streams.setUncaughtExceptionHandler(error -> StreamThreadExceptionResponse.REPLACE_THREAD);
        // Leaving the group hands the tasks over at once; a static member would otherwise keep them
        // until its session ends.
        CloseOptions leave = CloseOptions
                .groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP)
                .withTimeout(Duration.ofSeconds(30));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(leave)));
        if (given.containsKey("--port")) {
            serveReadiness(streams, Integer.parseInt(given.get("--port")));
        }
        streams.start();
    }

    /** Answers {@code /readyz} with 200 while all tasks run, as a service in Kubernetes does. */
    private static void serveReadiness(KafkaStreams streams, int port) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.createContext("/readyz", exchange -> {
            exchange.sendResponseHeaders(streams.state() == KafkaStreams.State.RUNNING ? 200 : 503, -1);
            exchange.close();
        });
        server.start();
    }

    private static Topology topology(Map<String, String> given) {
        boolean inMemory = given.getOrDefault("--store", "rocksdb").equals("memory");
        var store = Stores.keyValueStoreBuilder(
                        inMemory ? Stores.inMemoryKeyValueStore(Reconcile.STORE)
                                : Stores.persistentKeyValueStore(Reconcile.STORE),
                        Serdes.ByteArray(), new RowSerde())
                .withCachingEnabled()
                .withLoggingEnabled(Map.of());
        String orders = required(given, "--orders");
        var bytes = Serdes.ByteArray();
        return new Topology()
                .addSource(SOURCE_ORDERS, bytes.deserializer(), bytes.deserializer(), orders)
                .addSource(SOURCE_MANUFACTURED, bytes.deserializer(), bytes.deserializer(),
                        required(given, "--manufactured"))
                .addProcessor(RECONCILE, () -> new Reconcile(orders), SOURCE_ORDERS, SOURCE_MANUFACTURED)
                .addStateStore(store, RECONCILE)
                .addSink("shipping", required(given, "--shipping"), bytes.serializer(), bytes.serializer(),
                        RECONCILE);
    }

    private static Properties settings(Map<String, String> given) {
        Properties p = new Properties();
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, required(given, "--bootstrap"));
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, required(given, "--application"));
        p.put(StreamsConfig.STATE_DIR_CONFIG, Path.of(required(given, "--state-dir")).toString());
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, given.getOrDefault("--threads", "2"));
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, given.getOrDefault("--commit-ms", "100"));
        p.put(StreamsConfig.NUM_STANDBY_REPLICAS_CONFIG, "0");
        // Rows that change several times within a commit reach RocksDB and the changelog once.
        p.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, String.valueOf(64L << 20));
        p.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, "5000");
        p.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, BoundedRocksDB.class);

        // A restart within the session keeps its tasks.
        p.put(StreamsConfig.mainConsumerPrefix(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG),
                given.getOrDefault("--instance", "one"));
        p.put(StreamsConfig.mainConsumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), "10000");
        p.put(StreamsConfig.mainConsumerPrefix(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG), "1000");
        // Larger polls and batches: fewer, larger requests while there is a backlog.
        p.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), "5000");
        p.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), String.valueOf(256 << 10));
        p.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        return p;
    }

    private static String required(Map<String, String> given, String name) {
        String value = given.get(name);
        if (value == null) {
            throw new IllegalArgumentException("missing argument " + name);
        }
        return value;
    }
}
