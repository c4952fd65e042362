// A Kafka, workers and a console for the tests, and a browser that shows it.

import { spawn, execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const require = createRequire(join(process.env.ROLLCALL_MODULES, "package.json"));
const { chromium } = require("playwright-core");
const program = process.env.ROLLCALL;
const root = new URL("../../", import.meta.url).pathname;

export const WAIT_TIMEOUT = 60_000;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Calls `probe` until it returns something. */
export async function eventually(what, probe) {
  const until = Date.now() + WAIT_TIMEOUT;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > until) throw new Error(`not within ${WAIT_TIMEOUT / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Returns a free port whose successor is free, too. */
async function freePort() {
  const free = (port) =>
    new Promise((resolve) => {
      const server = createServer()
        .once("error", () => resolve(false))
        .listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
  for (;;) {
    const port = 20_000 + 2 * Math.floor(Math.random() * 5_000);
    if ((await free(port)) && (await free(port + 1))) return port;
  }
}

export class Shop {
  dir = mkdtempSync(join(tmpdir(), "rollcall-console-"));
  processes = new Map();
  addresses = new Map();

  /** Starts Kafka, the workers of the demo, and a console. */
  async open() {
    await this.begin();
    const spec = readFileSync(join(root, "manifests/local/shipping.yaml"), "utf8");
    this.file = this.#object("shipping", spec.replace("logRecords: true", "logRecords: false"));
    for (const name of ["shipping-0", "shipping-1"]) await this.worker(name);
    this.address = await this.console();
  }

  /** Starts only Kafka and the browser. */
  async begin() {
    this.kafka = {
      PORT: String(await freePort()),
      DIR: join(this.dir, "kafka"),
      HEAP: "-Xms128m -Xmx512m",
    };
    await this.#kafka("start");
    this.browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS });
  }

  /** Starts a worker and a console of another object, and returns the console's address. */
  async other(name, spec, ...words) {
    const file = this.#object(name, spec);
    await this.worker(`${name}-0`, file);
    return this.#console(file, [`${name}-0`], words);
  }

  #object(name, spec) {
    const file = join(this.dir, `${name}.yaml`);
    const servers = `bootstrapServers: localhost:${this.kafka.PORT}`;
    writeFileSync(file, spec.replace(/bootstrapServers:.*/, servers));
    return file;
  }

  async close() {
    await this.browser?.close();
    for (const child of this.processes.values()) child.kill("SIGKILL");
    if (this.kafka) await this.#kafka("wipe");
    rmSync(this.dir, { recursive: true, force: true });
  }

  #kafka(...words) {
    return run(join(root, "scripts/kafka"), words, { env: { ...process.env, ...this.kafka } });
  }

  async #serve(name, words, probe) {
    const address = this.addresses.get(name) ?? `127.0.0.1:${await freePort()}`;
    this.addresses.set(name, address);
    const child = spawn(program, [...words, "--http", address], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.on("data", (text) => {
      said += text;
    });
    this.processes.set(name, child);
    await eventually(`${name} is ready`, async () => {
      if (child.exitCode !== null) throw new Error(`${name} has ended: ${said}`);
      return (await fetch(`http://${address}${probe}`).catch(() => null))?.ok;
    });
    return address;
  }

  worker(name, file = this.file) {
    return this.#serve(
      name,
      [
        "worker",
        "-f",
        file,
        "--state-dir",
        join(this.dir, name),
        "--lanes",
        "1",
        "--instance-id",
        name,
      ],
      "/readyz",
    );
  }

  console(...words) {
    return this.#console(this.file, ["shipping-0", "shipping-1"], words);
  }

  #console(file, workers, words) {
    const servers = workers.flatMap((name) => ["--server", this.addresses.get(name)]);
    const name = `console ${file} ${words.join(" ")}`;
    return this.#serve(name, ["console", "-f", file, ...servers, ...words], "/healthz");
  }

  /** Kills a worker as a crash would. */
  kill(name) {
    this.processes.get(name).kill("SIGKILL");
  }

  /** Orders products and returns the order's id. */
  async order(...products) {
    const { stdout } = await run(program, [
      "order",
      "-f",
      this.file,
      "--product-ids",
      products.join(","),
    ]);
    return /"id": ?"([^"]+)"/.exec(stdout)[1];
  }

  orders(count) {
    return run(program, ["order", "-f", this.file, "--count", String(count)]);
  }

  made(order, product) {
    return run(program, ["manufactured", "-f", this.file, order, String(product)]);
  }

  /** Sends a record unchanged; `<null>` stands for none. */
  async record(topic, key, value) {
    const done = this.#kafka(
      "run",
      "org.apache.kafka.tools.ConsoleProducer",
      "--bootstrap-server",
      `localhost:${this.kafka.PORT}`,
      "--topic",
      topic,
      "--reader-property",
      "parse.key=true",
      "--reader-property",
      "key.separator=|",
      "--reader-property",
      "null.marker=<null>",
    );
    done.child.stdin.end(`${key}|${value}\n`);
    await done;
  }

  /** Opens a page of its own; fails the test when that reports an error or leaves the console. */
  async page(t, path = "", options = {}) {
    const context = await this.browser.newContext({
      viewport: { width: 1280, height: 900 },
      ...options,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_TIMEOUT);
    page.errors = [];
    page.on("pageerror", (error) => page.errors.push(error.message));
    page.on(
      "console",
      (message) =>
        message.type() === "error" &&
        !/Failed to load resource/.test(message.text()) &&
        page.errors.push(message.text()),
    );
    const address = options.address ?? this.address;
    page.on(
      "request",
      (request) =>
        new URL(request.url()).host === address || page.errors.push(`asks ${request.url()}`),
    );
    t.after(() => context.close());
    await page.goto(`http://${address}/${path}`);
    return page;
  }
}
