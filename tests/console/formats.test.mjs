// What the topics' records show of values in other formats than JSON. Each test is a page in a real
// browser before a worker on a real Kafka, and a schema registry that knows one schema.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { WAIT_TIMEOUT, Shop, eventually } from "./shop.mjs";

const SPEC = (port) => `
apiVersion: rollcall.dev/v1alpha1
kind: Reconciliation
metadata: {name: formats}
spec:
  kafka:
    bootstrapServers: localhost
  registry: {urls: ["http://127.0.0.1:${port}"]}
  expected: {topic: formats-orders, key: $.id, items: "$.items[*].id", format: avro}
  observed: [{topic: formats-made, key: $.order, item: $.item}]
  completed: {topic: formats-done, keyField: id}
  topics: {createInputs: true, partitions: 1, replicationFactor: 1}
`;
const ORDER = {
  type: "record",
  name: "Order",
  fields: [
    { name: "id", type: "string" },
    { name: "note", type: ["null", "string"] },
    {
      name: "items",
      type: {
        type: "array",
        items: { type: "record", name: "Item", fields: [{ name: "id", type: "long" }] },
      },
    },
  ],
};

const shop = new Shop();
const registry = createServer((request, response) => {
  const [known, body] =
    request.url === "/schemas/ids/7"
      ? [200, { schema: JSON.stringify(ORDER) }]
      : [404, { error_code: 40403, message: "Schema not found" }];
  response.writeHead(known, { "content-type": "application/json" }).end(JSON.stringify(body));
});
before(
  async () => {
    await shop.begin();
    await new Promise((resolve) => registry.listen(0, "127.0.0.1", resolve));
    shop.address = await shop.other("formats", SPEC(registry.address().port));
  },
  { timeout: 3 * WAIT_TIMEOUT },
);
after(async () => {
  await shop.close();
  registry.close();
});

const seen = (locator) => locator.waitFor({ state: "visible" });
const checked = (name, body) => test(name, { timeout: 2 * WAIT_TIMEOUT }, body);

/** Returns bytes below 128 as a text that a producer of text writes as them. */
const bytes = (...parts) =>
  parts
    .flat()
    .map((part) => (typeof part === "number" ? String.fromCharCode(part) : part))
    .join("");
/** Returns a text in Avro. */
const text = (value) => bytes(2 * value.length, value);
const PREFIX = [0, 0, 0, 0, 7];
const order = (id, note) => bytes(PREFIX, text(id), note ? [2, text(note)] : 0, [4, 2, 4, 0]);

/** Keeps what a page looks like, if somebody wants to see it. */
async function picture(page, name) {
  const folder = process.env.ROLLCALL_PICTURES;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
}

checked("a value is shown decoded, with its format and schema, or with the reason", async (t) => {
  await shop.record("formats-orders", "a", order("a", "by <b>hand</b>"));
  await shop.record("formats-orders", "cut", order("cut").slice(0, -2));
  await shop.record("formats-orders", "unknown", bytes([0, 0, 0, 0, 8], text("x")));
  await shop.record("formats-orders", "json", '{"id": "json"}');
  await shop.record("formats-made", "a", '{"order": "a", "item": 1');
  for (const [name, viewport] of [
    ["desk", { width: 1280, height: 900 }],
    ["phone", { width: 360, height: 740 }],
  ]) {
    const page = await shop.page(t, "#/topics/formats-orders", { viewport });
    const record = (key) =>
      page
        .getByRole("main")
        .getByRole("listitem")
        .filter({
          has: page.getByRole("link", { name: key, exact: true }),
        });
    await eventually("the registry has answered", async () => {
      if (await page.getByText("does not have schema 8").count()) return true;
      await page.getByRole("button", { name: "Refresh" }).click();
      return false;
    });
    const decoded = record("a");
    await seen(decoded.getByText("Avro · schema 7"));
    await decoded.locator("summary").first().click();
    const shown = JSON.parse(await decoded.locator("pre").textContent());
    assert.deepEqual(shown, { id: "a", note: "by <b>hand</b>", items: [{ id: 1 }, { id: 2 }] });
    assert.equal(await decoded.getByText("not decoded").count(), 0);
    const cut = record("cut");
    await seen(cut.getByText("Avro · schema 7"));
    await seen(cut.getByText("not decoded"));
    await seen(cut.getByText(/^the value cannot be read by schema 7: it ends too early/));
    await cut.locator("summary").click();
    await seen(cut.locator("pre", { hasText: /^0000 {2}00 00 00 00 07 06 63 75 74 .*·cut/ }));
    await seen(record("unknown").getByText(/register the schema there/));
    await seen(record("json").getByText(/^it begins with byte 0x7b/));
    await picture(page, `formats-${name}`);
    const [inner, outer] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      innerWidth,
    ]);
    assert.ok(inner <= outer, `it is ${inner} wide on ${outer}`);
    await page.goto(`http://${shop.address}/#/topics/formats-made`);
    const broken = record("a");
    await seen(broken.getByText("not decoded"));
    await seen(broken.getByText(/^the value is not a JSON document: line 1/));
    await seen(broken.locator("summary", { hasText: '{"order": "a", "item": 1' }));
    assert.deepEqual(page.errors, []);
  }
});

checked("numbers keep all of their digits, and text its signs", async (t) => {
  const value = '{"order":"long","item":9007199254740993,"more":[{},[],"a,[\\"b: {",[1.50,null]]}';
  await shop.record("formats-made", "long", value);
  const page = await shop.page(t, "#/topics/formats-made?text=9007199254740993");
  const record = page.getByRole("main").getByRole("listitem");
  await record.locator("summary").click();
  const lines = [
    "{",
    '  "order": "long",',
    '  "item": 9007199254740993,',
    '  "more": [',
    "    {},",
    "    [],",
    '    "a,[\\"b: {",',
    "    [",
    "      1.50,",
    "      null",
    "    ]",
    "  ]",
    "}",
  ];
  assert.equal(await record.locator("pre").textContent(), lines.join("\n"));
});

checked("a text is looked for in what is shown", async (t) => {
  await shop.record("formats-orders", "needle", order("needle", "x"));
  const page = await shop.page(t, "#/topics/formats-orders?text=%22id%22:%22needle%22");
  await seen(page.getByRole("link", { name: "needle", exact: true }));
  assert.equal(await page.getByRole("main").locator(".records > li").count(), 1);
  assert.deepEqual(page.errors, []);
});
