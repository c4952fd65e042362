package bench;

import java.util.ArrayList;
import java.util.List;

/** Everything known about one order. */
final class Row {
    boolean completed;
    boolean expected;
    /** Each item once; which of them were listed and which were manufactured stands beside it. */
    final List<Item> items = new ArrayList<>(5);

    static final class Item {
        final String id;
        boolean listed;
        boolean manufactured;

        Item(String id) {
            this.id = id;
        }
    }

    /** Returns whether the row changed; of an order that comes twice the first one counts. */
    boolean expect(List<String> ids) {
        if (completed || expected) {
            return false;
        }
        expected = true;
        for (String id : ids) {
            item(id).listed = true;
        }
        return true;
    }

    /** Returns whether the row changed: duplicates and products of completed orders do not count. */
    boolean observe(String id) {
        if (completed) {
            return false;
        }
        Item item = item(id);
        boolean changed = !item.manufactured;
        item.manufactured = true;
        return changed;
    }

    /** Returns whether the order has just been completed. A completed row keeps nothing but that. */
    boolean completeIfSatisfied() {
        if (!expected) {
            return false;
        }
        for (Item item : items) {
            if (item.listed && !item.manufactured) {
                return false;
            }
        }
        completed = true;
        items.clear();
        return true;
    }

    Item item(String id) {
        for (Item item : items) {
            if (item.id.equals(id)) {
                return item;
            }
        }
        Item item = new Item(id);
        items.add(item);
        return item;
    }
}
