package bench;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;

/** A row in a few bytes: one of flags, then for each item its length, its flags and its text. */
final class RowSerde implements Serde<Row> {
    private static final int COMPLETED = 1;
    private static final int EXPECTED = 2;
    private static final int LISTED = 1;
    private static final int MANUFACTURED = 2;

    @Override
    public Serializer<Row> serializer() {
        return (topic, row) -> row == null ? null : encode(row);
    }

    @Override
    public Deserializer<Row> deserializer() {
        return (topic, bytes) -> bytes == null ? null : decode(bytes);
    }

    private static byte[] encode(Row row) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(32);
        out.write((row.completed ? COMPLETED : 0) | (row.expected ? EXPECTED : 0));
        for (Row.Item item : row.items) {
            byte[] text = item.id.getBytes(StandardCharsets.UTF_8);
            out.write(text.length);
            out.write((item.listed ? LISTED : 0) | (item.manufactured ? MANUFACTURED : 0));
            out.write(text, 0, text.length);
        }
        return out.toByteArray();
    }

    private static Row decode(byte[] bytes) {
        Row row = new Row();
        row.completed = (bytes[0] & COMPLETED) != 0;
        row.expected = (bytes[0] & EXPECTED) != 0;
        for (int at = 1; at < bytes.length; ) {
            int length = bytes[at] & 0xff;
            Row.Item item = row.item(new String(bytes, at + 2, length, StandardCharsets.UTF_8));
            item.listed = (bytes[at + 1] & LISTED) != 0;
            item.manufactured = (bytes[at + 1] & MANUFACTURED) != 0;
            at += 2 + length;
        }
        return row;
    }
}
