// `--serve`: the page reloads when tags.json changes.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EXAMPLES, ROOT, launch, open, remove, temporary } from "./browser.js";

test("the page follows tags.json", async () => {
  const folder = temporary();
  copyFileSync(join(EXAMPLES, "guitarist.jpg"), join(folder, "guitarist.jpg"));
  const tags = (...ids) => writeFileSync(join(folder, "tags.json"), JSON.stringify({ guitarist: ids }));
  tags("bw");
  const program = ["run", "-q", "--locked", "-p", "phototag", "--", "gallery", folder, "--out", join(folder, "site"), "--serve=0"];
  // A process group, so that cargo and the program are stopped together.
  const server = spawn("cargo", program, { cwd: ROOT, detached: true, stdio: ["ignore", "pipe", "inherit"] });
  const browser = await launch();
  try {
    let said = "";
    const address = await new Promise((found) => {
      server.stdout.on("data", (piece) => {
        said += piece;
        const line = said.match(/Serving (\S+) /);
        if (line) found(line[1]);
      });
    });
    assert.match(address, /^http:\/\/127\.0\.0\.1:\d+\/$/);
    const page = await open(browser);
    await page.goto(address);
    await page.getByText("B&W (1)").waitFor();
    tags("winter");
    await page.getByText("Winter (1)").waitFor();
    assert.deepEqual(page.said, []);
  } finally {
    await browser.close();
    const ended = once(server, "exit");
    process.kill(-server.pid, "SIGINT");
    await ended;
    remove(folder);
  }
});
