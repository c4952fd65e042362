// What people see: each test is a page in a real browser before two workers on a real Kafka.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer, get } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { WAIT_TIMEOUT, Shop, eventually } from "./shop.mjs";

const shop = new Shop();
before(() => shop.open(), { timeout: 3 * WAIT_TIMEOUT });
after(() => shop.close());

const health = (page) => page.getByRole("status").first();
const seen = (locator) => locator.waitFor({ state: "visible" });
const checked = (name, body) => test(name, { timeout: 2 * WAIT_TIMEOUT }, body);

checked("the overview shows workers, shards and the flow as it goes on", async (t) => {
  const page = await shop.page(t);
  await seen(health(page).filter({ hasText: "All running" }));
  await seen(page.getByRole("region", { name: "Workers" }).getByText("2 of 2 up"));
  await seen(page.getByRole("region", { name: "Shards" }).getByText("4 of 4 running"));
  await shop.orders(200);
  const chart = page.getByRole("img", { name: /on average .* records/ });
  await eventually("the flow is seen", async () =>
    /at most [1-9]/.test(await chart.getAttribute("aria-label").catch(() => "")),
  );
  assert.deepEqual(page.errors, []);
});

checked("a key is looked up by keyboard and its story is followed to the end", async (t) => {
  const order = await shop.order(1, 2);
  const page = await shop.page(t);
  await seen(health(page).filter({ hasText: "All running" }));
  await page.keyboard.press("/");
  await page.keyboard.type(order);
  await page.keyboard.press("Enter");
  await seen(page.getByRole("heading", { name: `Key ${order}` }));
  await seen(page.getByText("It waits for 2 more items."));
  await shop.made(order, 1);
  await seen(page.getByText("It waits for one more item."));
  const items = page.getByRole("region", { name: "Items" });
  await seen(items.getByRole("listitem").filter({ hasText: "arrived" }));
  const records = page.getByRole("navigation", { name: "Its records" });
  assert.match(
    await records.getByRole("link", { name: "manufactured" }).getAttribute("href"),
    new RegExp(`manufactured\\?text=${order}$`),
  );
  await shop.made(order, 2);
  await seen(page.getByText("All items were observed, and its completion was sent."));
  await page.getByRole("link", { name: /^manufactured · partition \d+ · offset \d+$/ }).click();
  const record = page.getByRole("listitem").filter({ hasText: order }).first();
  await seen(record.filter({ hasText: /"productId":\s*2/ }));
  await page.goBack();
  await page.getByRole("link", { name: /^orders · partition \d+ · offset \d+$/ }).click();
  await seen(page.getByRole("listitem").first().filter({ hasText: order }));
  await page.getByRole("link", { name: "Emitted" }).click();
  await seen(page.getByRole("link", { name: order }));
  assert.deepEqual(page.errors, []);
});

checked("keys of any characters are opened, and shown such that all of them is seen", async (t) => {
  const page = await shop.page(t);
  for (const [key, shown] of [
    [".", "."],
    ["..", ".."],
    ["100%", "100%"],
    [" x ", "␣x␣"],
    ["a+b&key=c", "a+b&key=c"],
    ["a\u009b2Jb\u200b", "a\\u{9b}2Jb\\u{200b}"],
  ]) {
    await shop.record("orders", key, JSON.stringify({ id: key, items: [{ id: 1, name: "x" }] }));
    await page.goto(`http://${shop.address}/#/key?key=${encodeURIComponent(key)}`);
    await seen(page.getByText("It waits for one more item."));
    assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), `Key ${shown}`);
  }
  await page.goto(`http://${shop.address}/#/key?key=`);
  await seen(page.getByText("Not known"));
  // An address of an older version, which is not a valid URL encoding.
  await page.goto(`http://${shop.address}/#/key/100%`);
  await seen(page.getByText("It waits for one more item."));
  await page.getByRole("searchbox").fill(" nobody ");
  await page.keyboard.press("Enter");
  await seen(page.getByRole("link", { name: "nobody", exact: true }));
  assert.deepEqual(page.errors, []);
});

checked("a key that nobody knows is said to be unknown", async (t) => {
  const page = await shop.page(t, "#/key/no%20such%2Fkey");
  await seen(page.getByRole("heading", { name: "Key no such/key" }));
  await seen(page.getByText("Not known"));
});

checked("keys that wait are paged by age, and the wanted items are ranked", async (t) => {
  await shop.orders(60);
  const page = await shop.page(t, "#/waiting");
  const keys = page.getByRole("region", { name: "Keys" }).getByRole("link");
  await eventually("a full page", async () => {
    await page.getByRole("button", { name: "Refresh" }).click();
    return (await keys.count()) === 50;
  });
  const first = await keys.allTextContents();
  await page.getByRole("button", { name: "Next page" }).click();
  await seen(page.getByText("Page 2"));
  const second = await keys.allTextContents();
  assert.ok(second.length > 0);
  assert.equal(
    new Set([...first, ...second]).size,
    first.length + second.length,
    "no key is on both pages",
  );
  await page.getByRole("link", { name: "Missing" }).click();
  await seen(page.getByRole("row", { name: /^1 / }));
  assert.deepEqual(page.errors, []);
});

checked("an item that nobody ordered is seen as not expected yet", async (t) => {
  await shop.made("stray-order", 77);
  const page = await shop.page(t, "#/waiting?state=unexpected");
  await eventually("it is listed", async () => {
    await page.getByRole("button", { name: "Refresh" }).click();
    return (await page.getByRole("link", { name: "stray-order" }).count()) > 0;
  });
});

checked("a dead letter is shown with reason, source and payload, as text", async (t) => {
  await shop.record("orders", "broken-1", "<img src=x onerror=alert(1)>{");
  const page = await shop.page(t, "#/emitted?kind=dead-letters");
  const letter = page.getByRole("listitem").filter({ hasText: "broken-1" });
  await seen(letter.getByText("malformed-json"));
  await seen(letter.getByText(/^orders · partition \d · offset \d+$/));
  await letter.locator("summary").click();
  await seen(letter.locator("pre", { hasText: "<img src=x onerror=alert(1)>{" }));
  assert.equal(await page.locator("main img").count(), 0, "a payload is never markup");
  assert.deepEqual(page.errors, []);
});

checked(
  "what is no text is shown as bytes, and dead letters come first until they were looked at",
  async (t) => {
    const page = await shop.page(t);
    await shop.record("orders", "binary-1", "\u0001\u0002\u0003order");
    await seen(page.getByRole("link", { name: /^Dead letters [1-9]/ }));
    await page
      .getByRole("navigation", { name: "Views" })
      .getByRole("link", { name: "Emitted" })
      .click();
    await seen(page.getByRole("heading", { name: "Dead letters" }));
    const letter = page.getByRole("listitem").filter({ hasText: "binary-1" });
    await letter.locator("summary").click();
    await seen(letter.locator("pre", { hasText: /^0000 {2}01 02 03 6f 72 64 65 72 .*···order/ }));
    await page
      .getByRole("navigation", { name: "Views" })
      .getByRole("link", { name: "Overview" })
      .click();
    await page
      .getByRole("navigation", { name: "Views" })
      .getByRole("link", { name: "Emitted" })
      .click();
    await seen(page.getByRole("heading", { name: "Completions" }));
    assert.deepEqual(page.errors, []);
  },
);

checked("the page works below a path of a proxy", async (t) => {
  const proxy = createServer((request, response) => {
    if (!request.url.startsWith("/tools/rollcall/")) return response.writeHead(404).end();
    const url = `http://${shop.address}${request.url.slice("/tools/rollcall".length)}`;
    fetch(url).then(async (answer) =>
      response
        .writeHead(answer.status, { "content-type": answer.headers.get("content-type") })
        .end(Buffer.from(await answer.arrayBuffer())),
    );
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  t.after(() => proxy.close());
  const page = await shop.page(t, "tools/rollcall/", {
    address: `127.0.0.1:${proxy.address().port}`,
  });
  await seen(health(page).filter({ hasText: "All running" }));
  await page.getByRole("link", { name: "Topics" }).click();
  await seen(page.getByRole("link", { name: /^orders/ }));
  assert.deepEqual(page.errors, []);
});

checked("a page of another name is not answered", async () => {
  const [host, port] = shop.address.split(":");
  const ask = (name) =>
    new Promise((resolve) =>
      get({ host, port, path: "/api/overview", headers: { host: name } }, (answer) =>
        resolve(answer),
      ),
    );
  assert.equal((await ask("evil.example")).statusCode, 421);
  const answer = await ask("localhost:1");
  assert.equal(answer.statusCode, 200);
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.equal(answer.headers["x-content-type-options"], "nosniff");
});

checked("the topics are browsed with keys, values and headers", async (t) => {
  await shop.record("orders", "broken-2", "{");
  const page = await shop.page(t, "#/topics");
  await page.getByRole("link", { name: /^shipping-dead-letter/ }).click();
  const record = page.getByRole("listitem").filter({ hasText: "broken-2" });
  await eventually("it is there", async () => {
    if (await record.count()) return true;
    await page.getByRole("button", { name: "Refresh" }).click();
    return false;
  });
  await record.getByText(/headers$/).click();
  await seen(record.getByText("rollcall-reason"));
  await seen(record.getByText(/partition \d+ · offset \d+/));
  assert.deepEqual(page.errors, []);
});

checked("a topic is looked through for a text, and followed", async (t) => {
  await shop.record("orders", "needle-1", "{");
  await shop.record("orders", "hay-1", "{");
  const page = await shop.page(t);
  // The first look-up is still under way when the search begins, and must not block it.
  let goOn;
  const searched = new Promise((resolve) => {
    goOn = resolve;
  });
  await page.route("**/topics/orders/records?*", async (route) => {
    if (!route.request().url().includes("text=")) await searched;
    await route.continue().catch(() => {});
  });
  await page.getByRole("link", { name: "Topics" }).click();
  await page.getByRole("link", { name: /^orders/ }).click();
  const records = page.getByRole("main").getByRole("listitem");
  await page.getByLabel("Text that records contain").fill("NEEDLE");
  await page.keyboard.press("Enter");
  await eventually(
    "only what contains it",
    async () =>
      (await records.count()) > 0 && (await records.filter({ hasNotText: "needle" }).count()) === 0,
  );
  goOn();
  await page.getByLabel("Text that records contain").fill("no such text at all");
  await page.keyboard.press("Enter");
  await seen(page.getByText("No such record"));
  await page.getByLabel("Text that records contain").fill("needle-2");
  await page.getByLabel("Follow").check();
  await shop.record("orders", "needle-2", "{");
  await seen(records.filter({ hasText: "needle-2" }));
  assert.deepEqual(page.errors, []);
});

/** Returns an answer about a thousand shards, some of which do not run. */
function aThousand(overview) {
  const [like] = overview.shards;
  const shards = Array.from({ length: 1000 }, (_, shard) => ({ ...like, shard }));
  const idle = { totals: null, rows: null };
  const restore = { remainingOffsets: 100, restoredRecords: 300 };
  for (const shard of shards.slice(300, 340))
    Object.assign(shard, idle, { state: "opening", restore });
  for (const shard of [shards[3], shards[253]])
    Object.assign(shard, { state: "waiting", reason: "a transaction was aborted" });
  for (const shard of shards.slice(600, 620))
    Object.assign(shard, idle, { state: "stopped", reason: `offset ${shard.shard} was deleted` });
  return { ...overview, partitions: 1000, shards: shards.slice(0, 996) };
}

checked("a thousand shards fit on the board, and those that do not run come first", async (t) => {
  for (const viewport of [
    { width: 1280, height: 900 },
    { width: 360, height: 740 },
  ]) {
    const page = await shop.page(t, "#/missing", { viewport });
    let change = (answer) => answer;
    await page.route("**/api/overview", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: change(aThousand(await response.json())) });
    });
    await seen(health(page).filter({ hasText: "20 shards stopped" }));
    await page.getByRole("link", { name: "Overview" }).click();
    const board = page.getByRole("region", { name: "Shards" });
    await seen(board.getByText("934 of 1,000 running"));
    const cells = board.getByRole("img", {
      name: "1,000 shards: 4 no worker, 20 stopped, 2 waiting, 40 opening, 934 running",
    });
    await seen(cells);
    assert.equal(await cells.locator("i").count(), 1000);
    const cards = board.locator(".shard");
    assert.equal(await cards.count(), 12, "as many as are read, whatever is wrong");
    assert.match(await cards.nth(0).textContent(), /^4 shardsNo worker996–999waits/);
    assert.match(await cards.nth(1).textContent(), /^Shard 600Stopped.*offset 600 was deleted$/);
    await seen(board.getByText("51 more do not run."));
    change = (answer) => {
      for (const shard of answer.shards) if (shard.state === "stopped") shard.reason = "deleted";
      return answer;
    };
    await seen(cards.filter({ hasText: /^20 shardsStopped600–619deleted$/ }));
    await seen(cards.filter({ hasText: /^2 shardsWaiting3, 253a transaction was aborted$/ }));
    await seen(cards.filter({ hasText: /^40 shardsOpening300–3394,000 to restore$/ }));
    assert.equal(await cards.count(), 4);
    await board.getByRole("spinbutton", { name: "Shard" }).fill("999");
    await seen(cards.filter({ hasText: /^Shard 999No worker/ }));
    await cells.locator("i").nth(7).click();
    await seen(cards.filter({ hasText: /^Shard 7Running/ }));
    // Cells stay where they are; only what has changed is drawn again.
    await cells.evaluate((element) => element.firstChild.setAttribute("data-same", ""));
    change = (answer) => ({ ...answer, shards: answer.shards.slice(0, 1) });
    await seen(board.getByText("1 of 1,000 running"));
    assert.equal(await board.locator("i[data-same]").count(), 1);
    assert.equal(await board.locator('.cells i[data-state="none"]').count(), 999);
    const elements = await page.evaluate(() => document.querySelectorAll("*").length);
    assert.ok(elements < 1500, `${elements} elements`);
    const [inner, outer] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      innerWidth,
    ]);
    assert.ok(inner <= outer, `it is ${inner} wide on ${outer}`);
    assert.deepEqual(page.errors, []);
  }
});

checked("a phone shows all views without scrolling sideways, in the dark too", async (t) => {
  const colours = {};
  for (const colorScheme of ["light", "dark"]) {
    const page = await shop.page(t, "", { viewport: { width: 360, height: 740 }, colorScheme });
    for (const view of ["Overview", "Waiting", "Missing", "Emitted", "Topics"]) {
      await page
        .getByRole("navigation", { name: "Views" })
        .getByRole("link", { name: view })
        .click();
      await seen(page.locator("main :is(section, ol, .card, .tile)").first());
      const [inner, outer] = await page.evaluate(() => [
        document.documentElement.scrollWidth,
        innerWidth,
      ]);
      assert.ok(inner <= outer, `${view} is ${inner} wide on ${outer}`);
      if (view === "Topics") {
        await seen(page.locator(".records > li").first());
        const { y } = await page.locator(".records > li").first().boundingBox();
        assert.ok(y < 740 * 0.45, `the records begin at ${y}`);
      }
    }
    colours[colorScheme] = await page.evaluate(
      () => getComputedStyle(document.documentElement).backgroundColor,
    );
    assert.deepEqual(page.errors, []);
  }
  assert.notEqual(colours.light, colours.dark);
});

checked("everything has a name and a place for those who do not see it", async (t) => {
  const page = await shop.page(t);
  await seen(health(page).filter({ hasText: "All running" }));
  for (const landmark of ["banner", "main", "search"])
    assert.equal(await page.getByRole(landmark).count(), 1, landmark);
  assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1);
  const nameless = await page.evaluate(() =>
    [
      ...document.querySelectorAll(
        "a, button, input, select, section, nav, [role=img], [role=progressbar]",
      ),
    ]
      .filter((element) => !element.closest("dialog:not([open])"))
      .filter(
        (element) =>
          !(
            element.getAttribute("aria-label") ||
            element.textContent.trim() ||
            element.labels?.length
          ),
      )
      .map((element) => element.outerHTML),
  );
  assert.deepEqual(nameless, []);
  await page.keyboard.press("Tab");
  assert.equal(
    await page.evaluate(() => document.activeElement.textContent),
    "Skip to the content",
  );
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
});

checked("a token is asked for, refused when wrong, and kept for the tab", async (t) => {
  const file = join(shop.dir, "token");
  writeFileSync(file, "open sesame\n");
  const address = await shop.console("--token-file", file);
  const page = await shop.page(t, "", { address });
  const token = page.getByRole("textbox", { name: "Token" });
  await token.fill("токен");
  await page.getByRole("button", { name: "Go on" }).click();
  await seen(page.getByText("A token has letters of ASCII"));
  await token.fill("wrong");
  await page.getByRole("button", { name: "Go on" }).click();
  await seen(page.getByText("That is not the token."));
  await token.fill("open sesame");
  await page.getByRole("button", { name: "Go on" }).click();
  await seen(health(page).filter({ hasText: "All running" }));
  await page.reload();
  await seen(health(page).filter({ hasText: "All running" }));
  for (const path of ["overview", "recent?kind=completions", "topics", "topics/orders/records"])
    assert.equal((await fetch(`http://${address}/api/${path}`)).status, 401, path);
});

// Last, since it leaves one worker.
checked(
  "a worker that dies while the page is open is shown as down, and the rest goes on",
  async (t) => {
    const order = await shop.order(5, 6);
    const page = await shop.page(t);
    const workers = page.getByRole("region", { name: "Workers" });
    await seen(health(page).filter({ hasText: "All running" }));
    shop.kill("shipping-1");
    await seen(health(page).filter({ hasText: /down/ }));
    await seen(workers.getByText("1 of 2 up"));
    await seen(workers.getByRole("listitem").filter({ hasText: "shipping-1" }).getByText("Down"));
    const shards = page.getByRole("region", { name: "Shards" });
    await seen(shards.getByText("4 of 4 running"));
    assert.equal(await shards.getByText("shipping-1").count(), 0);
    await page.goto(`http://${shop.address}/#/key/${order}`);
    await seen(page.getByText("It waits for 2 more items."));
    await shop.worker("shipping-1");
    await seen(health(page).filter({ hasText: "All running" }));
    assert.deepEqual(page.errors, []);
  },
);
