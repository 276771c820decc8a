// A real Chromium, a web server for a folder, and the program under test.

import { execFileSync } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, extname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
export const EXAMPLES = join(ROOT, "examples/photos");
export const MODULES = fileURLToPath(new URL("../node_modules", import.meta.url));

/** Runs phototag from its sources; returns what it printed on stdout. */
export const phototag = (...args) =>
  execFileSync("cargo", ["run", "-q", "--locked", "-p", "phototag", "--", ...args], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });

export const temporary = () => mkdtempSync(join(tmpdir(), "phototag-gallery-"));
export const remove = (folder) => rmSync(folder, { recursive: true, force: true });

export const launch = () => {
  const known = ["chromium", "chromium-browser", "google-chrome"];
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = known.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
  const executablePath = process.env.CHROMIUM ?? found;
  if (!executablePath) throw Error("no Chromium: install it, or name it in CHROMIUM");
  // Containers have neither the kernel's sandbox nor much shared memory.
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
};

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".jpg": "image/jpeg",
  ".webp": "image/webp",
  ".svg": "image/svg+xml",
  ".xml": "application/xml",
};

/** Serves folders by the first part of the path; "" is the one for everything else. */
export const serve = async (folders, headers = {}) => {
  const server = createServer((request, answer) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const [, first, ...rest] = path.split("/");
    const [folder, name] = first in folders && first ? [folders[first], rest.join("/")] : [folders[""], path];
    let file = resolve(folder, `./${name}`);
    if (existsSync(file) && statSync(file).isDirectory()) file = join(file, "index.html");
    if (!file.startsWith(resolve(folder) + sep) || !existsSync(file)) {
      answer.writeHead(404).end("not found");
      return;
    }
    answer.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", ...headers });
    createReadStream(file).pipe(answer);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((closed) => server.close(closed) && server.closeAllConnections()),
  };
};

/** A page that remembers what went wrong in it. */
export const open = async (browser, options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.said = [];
  page.requested = [];
  page.on("console", (message) => page.said.push({ type: message.type(), text: message.text() }));
  page.on("pageerror", (error) => page.said.push({ type: "error", text: String(error) }));
  page.on("request", (request) => page.requested.push(request.url()));
  return page;
};
