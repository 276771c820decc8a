// The drop-in on the page shapes that photographers have.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, parse } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { EXAMPLES, MODULES, ROOT, launch, open, phototag, remove, serve, temporary } from "./browser.js";

const TAGS = JSON.parse(readFileSync(join(ROOT, "crates/cli/tests/examples-tags.json"), "utf8"));
const PHOTOS = readdirSync(EXAMPLES).filter((name) => /\.(jpg|webp)$/.test(name));
const tagged = (...ids) => PHOTOS.map((name) => parse(name).name).filter((key) => ids.some((id) => TAGS[key].includes(id)));

const FILTER = `<link rel="stylesheet" href="phototag/phototag-filter.css">
  <script type="module" src="phototag/phototag-filter.js"></script>
  <phototag-filter for="gallery" tags="phototag/tags.json" categories="phototag/categories.json"></phototag-filter>`;
const STYLE = `<style>
  #gallery { min-height: 200px } .item { width: 180px; margin: 5px; display: inline-block } .item img { width: 100%; height: auto }
</style>`;
const page = (head, items, foot) =>
  `<!doctype html><html lang="en"><title>Photos</title><link rel="icon" href="data:,">${head}${STYLE}${FILTER}<div id="gallery">${items}</div>${foot}</html>`;
const item = (name) => `<a class="item" href="photos/${name}"><img src="photos/${name}" alt=""></a>`;
const ISOTOPE = `<script src="modules/isotope-layout/dist/isotope.pkgd.min.js"></script>
  <script src="modules/imagesloaded/imagesloaded.pkgd.min.js"></script>`;

const SHAPES = {
  "plain grid": page("", PHOTOS.map(item).join(""), ""),
  "Isotope 3 with masonry and imagesLoaded": page(
    ISOTOPE,
    `<div class="sizer" style="width: 1px"></div>${PHOTOS.map(item).join("")}`,
    `<script>
      const gallery = document.querySelector("#gallery");
      imagesLoaded(gallery, () => new Isotope(gallery, { itemSelector: ".item", percentPosition: true, masonry: { columnWidth: ".sizer" } }));
    </script>`,
  ),
  "jQuery and Isotope": page(
    `<script src="modules/jquery/dist/jquery.min.js"></script>${ISOTOPE}`,
    PHOTOS.map(item).join(""),
    // As where a theme bundles Isotope: it is only there through jQuery.
    `<script>
      jQueryBridget("isotope", Isotope, jQuery);
      jQuery("#gallery").isotope({ itemSelector: ".item", layoutMode: "fitRows" });
      delete window.Isotope;
    </script>`,
  ),
  "load more in batches of 24": page(
    "",
    PHOTOS.slice(0, 24).map(item).join(""),
    `<button id="more">Load more</button><script>
      document.querySelector("#more").onclick = () =>
        document.querySelector("#gallery").insertAdjacentHTML("beforeend", ${JSON.stringify(PHOTOS.slice(24).map(item).join(""))});
    </script>`,
  ),
};

const visible = (page) =>
  page.$$eval("#gallery .item", (items) =>
    items.filter((item) => getComputedStyle(item).display !== "none").map((item) => item.getAttribute("href").match(/([^/]+)\.\w+$/)[1]),
  );

const shows = async (page, expected) => {
  const same = (found) => JSON.stringify(found.toSorted()) === JSON.stringify(expected.toSorted());
  for (let tries = 0; tries < 60 && !same(await visible(page)); tries++) await page.waitForTimeout(50);
  assert.deepEqual((await visible(page)).toSorted(), expected.toSorted());
  // Isotope loses an item that is hidden in the very frame in which it began to appear.
  await page.waitForTimeout(100);
};

const button = (page, name) => page.locator("phototag-filter button").filter({ hasText: name === "All" ? /^All / : name });
const counter = (page) => page.locator("phototag-filter output").textContent();

let browser, folder, server;
before(async () => {
  browser = await launch();
  folder = temporary();
  mkdirSync(join(folder, "web"));
  const tags = join(ROOT, "crates/cli/tests/examples-tags.json");
  phototag("gallery", EXAMPLES, "--tags", tags, "--drop-in", join(folder, "web/phototag"));
  for (const [name, html] of Object.entries(SHAPES)) writeFileSync(join(folder, "web", `${name}.html`), html);
  server = await serve({ "": join(folder, "web"), photos: EXAMPLES, modules: MODULES });
});
after(async () => {
  await browser?.close();
  await server?.close();
  if (folder) remove(folder);
});

for (const shape of Object.keys(SHAPES)) {
  describe(shape, () => {
    const all = PHOTOS.map((name) => parse(name).name);
    const start = async (hash = "", options = {}) => {
      const page = await open(browser, options);
      await page.goto(`${server.url}/${encodeURIComponent(shape)}.html${hash}`);
      await page.locator("phototag-filter button").first().waitFor();
      if (shape.startsWith("load")) await page.click("#more");
      await page.waitForFunction((total) => document.querySelector("phototag-filter output").textContent.endsWith(`of ${total}`), PHOTOS.length);
      return page;
    };

    test("counts, filters to exactly the tagged photos, and All restores", async () => {
      const page = await start();
      assert.equal((await button(page, "Wildlife").textContent()).trim(), "🐾 Wildlife (3)");
      assert.equal((await button(page, "All").textContent()).trim(), "All (26)");
      await shows(page, all);
      await button(page, "Wildlife").click();
      await shows(page, tagged("wildlife"));
      assert.equal(await counter(page), "3 of 26");
      await button(page, "Winter").click();
      await shows(page, tagged("wildlife", "winter"));
      await button(page, "Wildlife").click();
      await button(page, "B&W").click();
      await button(page, "Match all").click();
      await shows(page, []);
      await button(page, "Winter").click();
      await button(page, "Portrait").click();
      await shows(page, tagged("bw").filter((key) => TAGS[key].includes("portrait")));
      await button(page, "All").click();
      await shows(page, all);
      assert.deepEqual(page.said, []);
    });

    test("the address restores, and back works", async () => {
      const page = await start("#tags=bw");
      await shows(page, tagged("bw"));
      assert.equal(await button(page, "B&W").getAttribute("aria-pressed"), "true");
      await button(page, "Winter").click();
      await shows(page, tagged("bw", "winter"));
      assert.match(page.url(), /#tags=bw,winter&match=any$/);
      await page.goBack();
      await shows(page, tagged("bw"));
      await button(page, "All").click();
      assert.equal(new URL(page.url()).hash, "");
      await shows(page, all);
      await page.goBack();
      await shows(page, tagged("bw"));
    });

    test("keyboard alone, and without motion", async () => {
      const page = await start("", { reducedMotion: "reduce" });
      await button(page, "All").focus();
      for (let presses = 0; presses < 20; presses++) {
        await page.keyboard.press("Tab");
        if (await button(page, "Wildlife").evaluate((it) => it === document.activeElement)) break;
      }
      await page.keyboard.press("Space");
      await shows(page, tagged("wildlife"));
      assert.equal(await page.evaluate(() => document.getAnimations().filter((a) => a instanceof CSSTransition === false).length), 0);
      await page.keyboard.press("Enter");
      await shows(page, all);
    });
  });
}

const plain = async (tags, items, attributes = "") => {
  const name = `case-${Math.random().toString(36).slice(2)}`;
  writeFileSync(join(folder, "web", `${name}.json`), tags);
  writeFileSync(
    join(folder, "web", `${name}.html`),
    page("", items, "").replace("phototag/tags.json", `${name}.json`).replace("<phototag-filter", `<phototag-filter ${attributes}`),
  );
  const opened = await open(browser);
  await opened.goto(`${server.url}/${name}.html`, { waitUntil: "networkidle" });
  return opened;
};

test("a tags.json that is missing or broken leaves the gallery whole, with one warning", async () => {
  for (const tags of ["{", "[]", "null", '{"15": "bw"}', '{"name": "a site"}']) {
    const page = await plain(tags, item("astronaut.jpg"));
    assert.equal(page.said.length, 1, tags);
    assert.equal(page.said[0].type, "warning");
    assert.match(page.said[0].text, /^phototag-filter: case-\w+\.json: /);
    await shows(page, ["astronaut"]);
    assert.equal(await page.locator("phototag-filter button").count(), 0);
  }
  const page = await open(browser);
  writeFileSync(join(folder, "web/missing.html"), SHAPES["plain grid"].replace("phototag/tags.json", "nowhere.json"));
  await page.goto(`${server.url}/missing.html`, { waitUntil: "networkidle" });
  assert.deepEqual(page.said.filter(({ type }) => type === "warning").map(({ text }) => text), ["phototag-filter: nowhere.json: HTTP 404"]);
  await shows(page, PHOTOS.map((name) => parse(name).name));
});

test("hostile keys and labels are text, and photos without tags and tags without photos do no harm", async () => {
  const keys = [`<img src=x onerror="said(1)">`, `"quotes' & more`, "a#b?c%41 d", "__proto__", "constructor", "🦦 نهر", "é".normalize("NFD"), "x".repeat(250)];
  const tags = JSON.stringify({ nobody: ["ghost"] }).slice(0, -1) + keys.map((key) => `,${JSON.stringify(key)}:["wild","${"<b>x</b>"}","toString"]`).join("") + "}";
  const escape = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.codePointAt(0)};`);
  const items = keys.map((key, at) => (at % 2 ? `<a class="item" href="p/${encodeURIComponent(key.normalize("NFC"))}.jpg">x</a>` : `<div class="item" data-key="${escape(key)}">x</div>`)).join("");
  const page = await plain(tags, `${items}<p class="item"><img src="photos/astronaut.jpg" alt=""></p><hr>`);
  const texts = await page.locator("phototag-filter button:visible").allTextContents();
  assert.deepEqual(texts.map((text) => text.trim()), ["All (9)", "<b>x</b> (8)", "toString (8)", "wild (8)"]);
  await button(page, "wild").click();
  assert.equal(await page.locator(".item:visible").count(), 8);
  await button(page, "toString").click();
  await button(page, "<b>x</b>").click();
  await page.reload({ waitUntil: "networkidle" });
  assert.equal(await page.locator(".item:visible").count(), 8);
  assert.equal(await page.locator("[aria-pressed=true]").count(), 3);
  assert.deepEqual(page.said, []);
});

test("in the catalog's order, or by count", async () => {
  const labels = async (attributes) => {
    const page = await plain(JSON.stringify({ astronaut: ["winter"], guitarist: ["winter", "portrait"] }), item("astronaut.jpg") + item("guitarist.jpg"), attributes);
    return (await page.locator("phototag-filter button:visible").allTextContents()).map((text) => text.trim());
  };
  assert.deepEqual(await labels('sort="catalog"'), ["All (2)", "👤 Portrait (1)", "❄️ Winter (2)"]);
  assert.deepEqual(await labels(""), ["All (2)", "❄️ Winter (2)", "👤 Portrait (1)"]);
});

test("items taken away are not counted", async () => {
  const page = await plain(JSON.stringify({ astronaut: ["a"] }), item("astronaut.jpg") + item("guitarist.jpg"));
  assert.equal(await counter(page), "2 of 2");
  await page.evaluate(() => document.querySelector("#gallery").lastChild.remove());
  await page.waitForFunction(() => document.querySelector("phototag-filter output").textContent === "1 of 1");
});

test("it defines one element and no global, and weighs under 4 KB", async () => {
  const names = async (script) => {
    const page = await open(browser);
    if (!script) await page.route("**/phototag-filter.js", (route) => route.abort());
    await page.goto(`${server.url}/${encodeURIComponent("plain grid")}.html`, { waitUntil: "networkidle" });
    return page.evaluate(() => Object.getOwnPropertyNames(window).filter((name) => !/^\d+$/.test(name)));
  };
  assert.deepEqual((await names(true)).toSorted(), (await names(false)).toSorted());
  const web = join(folder, "web/phototag");
  const weight = ["phototag-filter.js", "phototag-filter.css"].map((name) => gzipSync(readFileSync(join(web, name)), { level: 9 }).length);
  assert.ok(weight[0] + weight[1] < 4096, `${weight}`);
});
