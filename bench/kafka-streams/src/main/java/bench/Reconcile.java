package bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Completes an order when every item that it lists was manufactured, in whatever order the records
 * arrive, and only once. Finished orders stay in the store, so that replays find them.
 *
 * <p>It does less than Rollcall: nothing is overdue, cancelled, amended or forgotten, and what cannot
 * be read is dropped instead of going to a dead-letter topic.
 */
final class Reconcile implements Processor<byte[], byte[], byte[], byte[]> {
    static final String STORE = "rows";
    private static final JsonFactory JSON = new JsonFactory();

    private final String ordersTopic;
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], Row> rows;

    Reconcile(String ordersTopic) {
        this.ordersTopic = ordersTopic;
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        this.rows = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        if (record.key() == null || record.value() == null) {
            return;
        }
        boolean isOrder = context.recordMetadata().orElseThrow().topic().equals(ordersTopic);
        Decoded decoded = decode(record.value(), isOrder ? "id" : "orderId");
        if (decoded == null || !Arrays.equals(decoded.id.getBytes(StandardCharsets.UTF_8), record.key())) {
            return;
        }
        Row row = rows.get(record.key());
        if (row == null) {
            row = new Row();
        }
        boolean changed = isOrder ? row.expect(decoded.items) : row.observe(decoded.items.get(0));
        if (!changed) {
            return;
        }
        boolean completed = row.completeIfSatisfied();
        rows.put(record.key(), row);
        if (completed) {
            String value = "{\"orderId\":\"" + decoded.id + "\"}";
            context.forward(record.withValue(value.getBytes(StandardCharsets.UTF_8)));
        }
    }

    private record Decoded(String id, List<String> items) {}

    /** Returns the id and the item ids of an order or a manufactured product; null if there are none. */
    private static Decoded decode(byte[] value, String idField) {
        String id = null;
        List<String> items = new ArrayList<>(8);
        try (JsonParser json = JSON.createParser(value)) {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                return null;
            }
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String field = json.currentName();
                JsonToken token = json.nextToken();
                if (field.equals(idField)) {
                    id = json.getText();
                } else if (field.equals("productId") && token.isScalarValue()) {
                    items.add(json.getText());
                } else if (field.equals("items") && token == JsonToken.START_ARRAY) {
                    decodeItems(json, items);
                } else {
                    json.skipChildren();
                }
            }
        } catch (IOException e) {
            return null;
        }
        return id == null || items.isEmpty() ? null : new Decoded(id, items);
    }

    private static void decodeItems(JsonParser json, List<String> items) throws IOException {
        while (json.nextToken() == JsonToken.START_OBJECT) {
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                boolean isId = json.currentName().equals("id");
                json.nextToken();
                if (isId) {
                    items.add(json.getText());
                } else {
                    json.skipChildren();
                }
            }
        }
    }
}
