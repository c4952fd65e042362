package bench;

import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.Cache;
import org.rocksdb.CompressionType;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.WriteBufferManager;

/** One memory budget for all stores of the process, as the Kafka Streams manual recommends. */
public final class BoundedRocksDB implements RocksDBConfigSetter {
    private static final long BUDGET = 192L << 20;
    private static final long WRITE_BUFFERS = 96L << 20;
    private static final Cache CACHE = new LRUCache(BUDGET);
    private static final WriteBufferManager WRITES = new WriteBufferManager(WRITE_BUFFERS, CACHE);

    @Override
    public void setConfig(String store, Options options, Map<String, Object> configs) {
        BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
        table.setBlockCache(CACHE);
        table.setCacheIndexAndFilterBlocks(true);
        table.setFilterPolicy(new BloomFilter(10, false));
        options.setTableFormatConfig(table);
        options.setWriteBufferManager(WRITES);
        options.setCompressionType(CompressionType.LZ4_COMPRESSION);
    }

    @Override
    public void close(String store, Options options) {
        // The cache and the write buffers live as long as the process.
    }
}
