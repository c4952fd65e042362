// What the story of a key shows beyond items that arrive: outcomes, counts, what is kept, deadlines
// of the key's own. Each test is a page in a real browser before a worker on a real Kafka.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { WAIT_TIMEOUT, Shop } from "./shop.mjs";

const CHECKS = `
apiVersion: rollcall.dev/v1alpha1
kind: Reconciliation
metadata: {name: checks}
spec:
  kafka:
    bootstrapServers: localhost
  expected: {topic: checks-orders, key: $.id, items: "$.checks[*]", keep: {customer: $.customer}}
  observed:
  - topic: checks-results
    key: $.id
    item: $.check
    outcome: {path: $.result, arrived: [PASS], failed: [FAIL]}
    keep: {by: $.by}
  completed: {topic: checks-done, keyField: id}
  failed: {when: allKnown}
  cancelled: {}
  overdue: {at: $.due, after: 72h}
  expire: {at: $.until}
  topics: {createInputs: true, partitions: 1, replicationFactor: 1}
`;
const FILES = `
apiVersion: rollcall.dev/v1alpha1
kind: Reconciliation
metadata: {name: files}
spec:
  kafka:
    bootstrapServers: localhost
  expected: {topic: files-trailers, key: $.file, count: $.records}
  observed: [{topic: files-rows, key: $.file, item: $.line}]
  completed: {topic: files-done, keyField: file}
  topics: {createInputs: true, partitions: 1, replicationFactor: 1}
`;
const TOKEN = "open sesame";

const shop = new Shop();
let checks;
let files;
before(
  async () => {
    await shop.begin();
    const token = join(shop.dir, "token");
    writeFileSync(token, `${TOKEN}\n`);
    checks = await shop.other("checks", CHECKS, "--token-file", token);
    files = await shop.other("files", FILES);
  },
  { timeout: 3 * WAIT_TIMEOUT },
);
after(() => shop.close());

const seen = (locator) => locator.waitFor({ state: "visible" });
const checked = (name, body) => test(name, { timeout: 2 * WAIT_TIMEOUT }, body);

const order = (id, more = {}) =>
  shop.record("checks-orders", id, JSON.stringify({ id, checks: ["fraud", "stock"], ...more }));
const result = (id, check, text, more = {}) =>
  shop.record("checks-results", id, JSON.stringify({ id, check, result: text, ...more }));

/** Opens the story of a key of the checks, whose console asks for a token. */
async function story(t, key) {
  const page = await shop.page(t, `#/key?key=${key}`, { address: checks });
  await page.getByRole("textbox", { name: "Token" }).fill(TOKEN);
  await page.getByRole("button", { name: "Go on" }).click();
  await seen(page.getByRole("heading", { name: `Key ${key}` }));
  return page;
}

const stands = (page) => page.getByRole("region", { name: "Where it stands" });
const item = (page, name) =>
  page.getByRole("region", { name: "Items" }).getByRole("listitem").filter({ hasText: name });

/** Keeps what a page looks like, if somebody wants to see it. */
async function picture(page, name) {
  const folder = process.env.ROLLCALL_PICTURES;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
}

checked("a key whose item failed shows which, and the record that decided it", async (t) => {
  await order("f1");
  await result("f1", "fraud", "FAIL");
  const page = await story(t, "f1");
  await seen(stands(page).getByText("It waits for one more item. One has failed."));
  await seen(item(page, "fraud").getByText("failed"));
  await seen(item(page, "stock").getByText("missing"));
  await picture(page, "failing");
  await result("f1", "stock", "PASS");
  await seen(stands(page).getByText("An expected item failed, and that was sent"));
  await seen(
    stands(page).getByRole("link", { name: /^checks-results · partition 0 · offset \d+$/ }),
  );
  await seen(
    stands(page).getByRole("link", { name: /^checks-orders · partition 0 · offset \d+$/ }),
  );
  await seen(page.getByText("the failed record says which of them failed"));
  const tone = stands(page).locator(".progress-big");
  assert.equal(await tone.getAttribute("data-tone"), "bad");
  await picture(page, "failed");
  assert.deepEqual(page.errors, []);
});

checked("a key that a null value cancels says so, and by which record", async (t) => {
  await order("c1");
  const page = await story(t, "c1");
  await seen(stands(page).getByText("It waits for 2 more items."));
  await shop.record("checks-orders", "c1", "<null>");
  await seen(stands(page).getByText("It will not complete; what arrives for it is late."));
  await seen(stands(page).getByText("Cancelled").first());
  await seen(
    stands(page)
      .getByRole("link", { name: /^checks-orders · partition 0 · offset \d+$/ })
      .last(),
  );
  await picture(page, "cancelled");
  assert.deepEqual(page.errors, []);
});

checked("a key that is counted shows how many of how many, whichever they are", async (t) => {
  await shop.record("files-trailers", "n1", JSON.stringify({ file: "n1", records: 3 }));
  await shop.record("files-rows", "n1", JSON.stringify({ file: "n1", line: 7 }));
  const page = await shop.page(t, "#/key?key=n1", { address: files });
  await seen(stands(page).getByText("1 of 3 items"));
  await seen(stands(page).getByText("It waits for 2 more items, whichever they are."));
  await seen(item(page, "7").getByText("arrived"));
  await picture(page, "counted");
  for (const line of [8, 9]) {
    await shop.record("files-rows", "n1", JSON.stringify({ file: "n1", line }));
  }
  await seen(stands(page).getByText("All items were observed, and its completion was sent."));
  assert.deepEqual(page.errors, []);
});

checked("what is kept is shown as it came, to those who have the token", async (t) => {
  await order("k1", { customer: { name: "Ada <b>" } });
  await result("k1", "fraud", "PASS", { by: "unit-7" });
  const page = await story(t, "k1");
  await seen(stands(page).getByText('{"customer":{"name":"Ada <b>"}}'));
  await seen(item(page, "fraud").getByText('{"by":"unit-7"}'));
  assert.equal(await item(page, "stock").locator(".kept").count(), 0);
  await picture(page, "kept");
  const answer = await fetch(`http://${checks}/api/key?key=k1`);
  assert.equal(answer.status, 401);
  assert.ok(!(await answer.text()).includes("Ada"));
  assert.deepEqual(page.errors, []);
});

checked("a key with deadlines of its own shows both, and what happens next", async (t) => {
  const due = Date.now() + 2 * 3600_000;
  const until = due + 24 * 3600_000;
  await order("d1", { due, until });
  await order("d2");
  const page = await story(t, "d1");
  const fact = (name) =>
    stands(page).locator("dt", { hasText: name }).locator("xpath=following-sibling::dd[1]");
  for (const [name, at] of [
    ["Overdue at", due],
    ["Expires at", until],
  ]) {
    await seen(fact(name).getByText("by its record"));
    const time = fact(name).locator("time").first();
    assert.equal(Date.parse(await time.getAttribute("datetime")), at);
  }
  await seen(fact("Next").getByText("reported as overdue"));
  assert.equal(Date.parse(await fact("Next").locator("time").getAttribute("datetime")), due);
  await picture(page, "own-deadlines");
  await page.getByRole("searchbox").fill("d2");
  await page.keyboard.press("Enter");
  await seen(page.getByRole("heading", { name: "Key d2" }));
  await seen(fact("Next").getByText("reported as overdue"));
  assert.equal(
    await fact("Overdue at").count(),
    0,
    "the object's deadline is no deadline of its own",
  );
  assert.deepEqual(page.errors, []);
});
