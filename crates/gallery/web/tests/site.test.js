// A whole site, made from the example photos and from photos with hostile names.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bundle } from "../build.js";
import { EXAMPLES, MODULES, ROOT, launch, open, phototag, remove, serve, temporary } from "./browser.js";

const TAGS_FILE = join(ROOT, "crates/cli/tests/examples-tags.json");
const TAGS = JSON.parse(readFileSync(TAGS_FILE, "utf8"));
const STRICT = "default-src 'none'; img-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self'";
const AXE = readFileSync(join(MODULES, "axe-core/axe.min.js"), "utf8");

let browser, folder, server;
before(async () => {
  browser = await launch();
  folder = temporary();
  phototag("gallery", EXAMPLES, "--tags", TAGS_FILE, "--out", join(folder, "site"));
  server = await serve({ "": join(folder, "site") }, { "content-security-policy": STRICT });
});
after(async () => {
  await browser?.close();
  await server?.close();
  if (folder) remove(folder);
});

const start = async (hash = "", options = {}) => {
  const page = await open(browser, options);
  await page.addInitScript(() => {
    window.shifts = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.shifts += entry.value))).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(`${server.url}/${hash}`, { waitUntil: "networkidle" });
  return page;
};
const button = (page, name) => page.locator("phototag-filter button").filter({ hasText: name === "All" ? /^All / : name });
const shown = (page) => page.locator(".photo:not(.leaving) img").evaluateAll((images) => images.map((image) => image.alt.split(",")[0]));
const counter = (page, text) => page.waitForFunction((text) => document.querySelector("phototag-filter output").textContent === text, text);
/** Nothing was logged, and nothing was loaded from other servers. */
const quiet = (page, url = server.url) => {
  assert.deepEqual(page.said, []);
  assert.deepEqual(page.requested.filter((each) => !each.startsWith(url)), []);
};

/** A JPEG whose EXIF describes it so: after its first two bytes a TIFF with one entry, ImageDescription. */
const described = (jpeg, text) => {
  const words = Buffer.from(`${text}\0`);
  const segment = Buffer.alloc(36 + words.length);
  segment.writeUInt16BE(0xffe1, 0);
  segment.writeUInt16BE(segment.length - 2, 2);
  segment.write("Exif\0\0II*\0", 4, "latin1");
  segment.writeUInt32LE(8, 14);
  segment.writeUInt16LE(1, 18);
  segment.writeUInt16LE(0x010e, 20);
  segment.writeUInt16LE(2, 22);
  segment.writeUInt32LE(words.length, 24);
  segment.writeUInt32LE(26, 28);
  words.copy(segment, 36);
  return Buffer.concat([jpeg.subarray(0, 2), segment, jpeg.subarray(2)]);
};

test("what is bundled is what the sources make", async () => {
  for (const [name, text] of Object.entries(await bundle())) {
    const there = readFileSync(new URL(`../dist/${name}`, import.meta.url), "utf8");
    assert.ok(there === text, `dist/${name} is out of date: npm run build`);
  }
});

test("filters, search and order, with an address that restores them", async () => {
  const page = await start();
  await counter(page, "26 of 26");
  await button(page, "Wildlife").click();
  await counter(page, "3 of 26");
  await page.waitForTimeout(400);
  const wildlife = Object.keys(TAGS).filter((key) => TAGS[key].includes("wildlife"));
  assert.deepEqual((await shown(page)).toSorted(), wildlife.toSorted());
  await page.getByRole("searchbox").fill("OTTER");
  await counter(page, "1 of 26");
  await page.reload({ waitUntil: "networkidle" });
  await counter(page, "1 of 26");
  await page.getByRole("searchbox").fill("nothing like it");
  await page.getByText("No photos match.").waitFor();
  await page.getByRole("searchbox").fill("");
  await button(page, "All").click();
  await page.getByRole("combobox").selectOption("name");
  await page.waitForFunction(() => document.querySelector(".photo img").alt.startsWith("arch-in"));
  await page.goBack();
  await counter(page, "3 of 26");
  quiet(page);
});

test("the lightbox opens, turns, closes, and has an address", async () => {
  const page = await start();
  const first = (await shown(page))[0];
  await page.locator(".photo").first().click();
  await page.locator(".pswp--open").waitFor();
  await page.waitForURL(`**#photo=${first}`);
  await page.waitForTimeout(500);
  await page.keyboard.press("ArrowRight");
  await page.waitForFunction((first) => !location.hash.endsWith(first), first);
  assert.ok((await page.locator(".pswp__caption").textContent()).length > 0);
  await page.keyboard.press("Escape");
  await page.locator(".pswp").waitFor({ state: "detached" });
  assert.equal(new URL(page.url()).hash, "");
  await page.locator(".photo").first().click();
  await page.locator(".pswp--open").waitFor();
  await page.waitForURL(`**#photo=${first}`);
  await page.waitForTimeout(500);
  await page.goBack();
  await page.locator(".pswp").waitFor({ state: "detached" });

  const deep = await start("#tags=wildlife&photo=river-otter");
  await deep.locator(".pswp--open").waitFor();
  assert.match(await deep.locator(".pswp__caption").textContent(), /^river-otter/);
  assert.match(await deep.locator(".pswp__counter").textContent(), /\/ 3$/);
  await deep.waitForFunction(() => document.querySelector(".pswp__img:not(.pswp__img--placeholder)")?.naturalWidth > 0);
  for (const each of [page, deep]) quiet(each);
});

test("the lightbox is swiped on a phone", async () => {
  const page = await start("", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await page.locator(".photo").first().tap();
  await page.locator(".pswp--open").waitFor();
  await page.waitForTimeout(600);
  const before = page.url();
  const session = await page.context().newCDPSession(page);
  const touch = (type, x) => session.send("Input.dispatchTouchEvent", { type, touchPoints: type === "touchEnd" ? [] : [{ x, y: 400 }] });
  await touch("touchStart", 340);
  for (let x = 320; x >= 40; x -= 40) await touch("touchMove", x);
  await touch("touchEnd");
  await page.waitForFunction((before) => location.href !== before, before);
  quiet(page);
});

test("nothing shifts, in a window and on a phone", async () => {
  for (const options of [{}, { viewport: { width: 390, height: 844 }, isMobile: true }]) {
    const page = await start("", options);
    for (let turns = 0; turns < 6; turns++) {
      await page.mouse.wheel(0, 600);
      await page.waitForTimeout(150);
    }
    assert.equal(await page.evaluate(() => window.shifts), 0);
  }
});

test("axe finds nothing, in light and dark, with the lightbox and without", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const page = await open(browser, { colorScheme, bypassCSP: true });
    const check = async (what) => {
      const violations = await page.evaluate(async () => (await window.axe.run()).violations.map(({ id, nodes }) => [id, nodes[0].html]));
      assert.deepEqual(violations, [], `${what}, ${colorScheme}`);
    };
    await page.goto(`${server.url}/#tags=bw`, { waitUntil: "networkidle" });
    await page.evaluate(AXE);
    await page.waitForTimeout(500);
    await check("the page");
    await page.locator(".photo").first().click();
    await page.waitForTimeout(900);
    await check("the lightbox");
  }
});

test("opened from disk it works as well", async () => {
  const page = await open(browser);
  const url = `file://${join(folder, "site/index.html")}`;
  await page.goto(url, { waitUntil: "networkidle" });
  await button(page, "Portrait").click();
  await counter(page, "3 of 26");
  await page.locator(".photo").first().click();
  await page.locator(".pswp--open").waitFor();
  await page.waitForFunction(() => document.querySelector(".pswp__img:not(.pswp__img--placeholder)")?.naturalWidth > 0);
  quiet(page, `file://${join(folder, "site")}`);
});

test("without scripts all photos are there, as links", async () => {
  const page = await open(browser, { javaScriptEnabled: false });
  await page.goto(`${server.url}/`, { waitUntil: "networkidle" });
  assert.equal(await page.locator(".plain a > picture > img").count(), 26);
  assert.ok(await page.locator(".plain img").first().isVisible());
  for (const link of await page.locator(".plain a").evaluateAll((links) => links.map((link) => link.href))) {
    assert.equal((await page.request.get(link)).status(), 200);
  }
  assert.equal(await page.locator(".bar").isVisible(), false);
});

test("hostile names and captions are text, and every link opens", async () => {
  const photos = join(folder, "hostile");
  mkdirSync(photos);
  const names = [`<img src=x onerror=alert(1)>`, `"quotes' &amp;`, "a#b?c%41 d", "</script><script>alert(2)</script>".replaceAll("/", "∕"), "🦦", "نهر", "x".repeat(251), "con", "-", "__proto__"];
  const caption = `"><img src=x onerror=alert(4)></script>`;
  const picture = described(readFileSync(join(EXAMPLES, "guitarist.jpg")), caption);
  names.forEach((name) => copyFileSync(join(EXAMPLES, "guitarist.jpg"), join(photos, `${name}.jpg`)));
  writeFileSync(join(photos, "described.jpg"), picture);
  const tags = Object.fromEntries(names.map((name) => [name, ["</script><b>", "bw"]]));
  writeFileSync(join(photos, "tags.json"), JSON.stringify(tags).replace("{", `{"__proto__":["bw"],`));
  writeFileSync(join(photos, "phototag.toml"), `[gallery]\ntitle = "<i>Mine</i> & yours"\nfooter = "<script>alert(3)</script>"\n[[category]]\nid = "bw"\nlabel = "<u>B&W</u>"\nmeasure = "monochrome"\n`);
  phototag("gallery", photos, "--out", join(folder, "hostile-site"));
  const site = await serve({ "": join(folder, "hostile-site") });
  const page = await open(browser);
  page.on("dialog", (dialog) => page.said.push(dialog.message()));
  await page.goto(site.url, { waitUntil: "networkidle" });
  assert.equal(await page.title(), "<i>Mine</i> & yours");
  await button(page, "<u>B&W</u>").click();
  await counter(page, "10 of 11");
  for (const link of await page.locator(".photo").evaluateAll((links) => links.map((link) => link.href))) {
    assert.equal((await page.request.get(link)).status(), 200);
  }
  for (const name of names) {
    await page.goto("about:blank");
    await page.goto(`${site.url}/#photo=${encodeURIComponent(name)}`);
    await page.locator(".pswp--open").waitFor();
    await page.waitForFunction((name) => document.querySelector(".pswp__caption")?.firstChild?.textContent === name, name);
  }
  await page.goto("about:blank");
  await page.goto(`${site.url}/#photo=described`);
  await page.waitForFunction((caption) => document.querySelector(".pswp__caption")?.textContent.includes(caption), caption);
  quiet(page, site.url);
  const feed = readFileSync(join(folder, "hostile-site/feed.xml"), "utf8");
  assert.ok(!/<img|<script/.test(feed));
  await site.close();
});

test("only what changed is rendered; what is gone is cleaned up; what is not ours stays", () => {
  const photos = join(folder, "few");
  const out = join(photos, "site");
  mkdirSync(photos);
  for (const name of ["astronaut.jpg", "guitarist.jpg", "macaws.webp"]) copyFileSync(join(EXAMPLES, name), join(photos, name));
  const run = () => phototag("gallery", photos, "--out", out).split("\n")[0];
  const pictures = () => new Set(readdirSync(join(out, "img")).map((name) => name.split("-")[0]));
  assert.match(run(), /^3 photos: 3 rendered/);
  assert.equal(run(), "3 photos: 0 rendered");
  writeFileSync(join(out, "about.html"), "mine");
  writeFileSync(join(out, "img/mine.jpg"), "mine");
  rmSync(join(photos, "astronaut.jpg"));
  copyFileSync(join(EXAMPLES, "street-pianist.jpg"), join(photos, "guitarist.jpg"));
  assert.match(run(), /^2 photos: 1 rendered, 1 removed/);
  assert.deepEqual(pictures(), new Set(["guitarist", "macaws", "mine.jpg"]));
  assert.equal(readFileSync(join(out, "about.html"), "utf8"), "mine");
  rmSync(join(out, "img", readdirSync(join(out, "img"))[0]));
  assert.match(run(), /^2 photos: 1 rendered/);
});

test("the user's stylesheet, HTML, address and robots setting", () => {
  const photos = join(folder, "own");
  mkdirSync(photos);
  copyFileSync(join(EXAMPLES, "guitarist.jpg"), join(photos, "guitarist.jpg"));
  const catalog = `[gallery]\ntitle = "North"\nurl = "https://example.org/north"\nrobots = "noindex"\ncss = "my.css"\nheader_html = "head.html"\nfooter_html = "foot.html"\nfooter = "© Ada"\n`;
  writeFileSync(join(photos, "phototag.toml"), `${catalog}[[category]]\nid = "bw"\nmeasure = "monochrome"\n`);
  assert.throws(() => phototag("gallery", photos, "--out", join(folder, "own-site")), /my\.css: cannot be read/);
  writeFileSync(join(photos, "my.css"), ":root { --paper: #123 }");
  writeFileSync(join(photos, "head.html"), `<nav id="mine">Home</nav>`);
  writeFileSync(join(photos, "foot.html"), `<p id="foot">Prints</p>`);
  phototag("gallery", photos, "--out", join(folder, "own-site"));
  const html = readFileSync(join(folder, "own-site/index.html"), "utf8");
  for (const part of [`<nav id="mine">`, `<p id="foot">`, "<p>© Ada</p>", `href="custom.css"`, `content="noindex"`, `property="og:image" content="https://example.org/north/img/guitarist-`, "<title>North</title>"]) {
    assert.ok(html.includes(part), part);
  }
  assert.match(readFileSync(join(folder, "own-site/feed.xml"), "utf8"), /href="https:\/\/example\.org\/north\/index\.html#photo=guitarist"/);
});
