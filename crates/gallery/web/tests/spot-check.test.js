// The page of `phototag eval --sample`: photos are marked by keyboard, and what it saves is understood.

import assert from "node:assert/strict";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { EXAMPLES, launch, open, phototag, remove, temporary } from "./browser.js";

test("a sample is marked by keyboard, saved, and judged", async () => {
  const folder = temporary();
  for (const name of ["guitarist", "river-otter", "resting-ape"]) copyFileSync(join(EXAMPLES, `${name}.jpg`), join(folder, `${name}.jpg`));
  assert.match(phototag("eval", folder, "--sample", "3"), /Picked 3 photos/);
  const browser = await launch();
  try {
    const page = await open(browser);
    await page.goto(pathToFileURL(join(folder, ".phototag/spot-check.html")).href);
    const where = page.locator("#where");
    const given = () => page.locator("#tags .given").allTextContents();
    const right = () => page.locator("#tags [aria-pressed=true]").allTextContents();
    const label = (text) => text.slice(2);

    const expected = {};
    for (const at of [1, 2, 3]) {
      assert.match(await where.textContent(), new RegExp(`^Photo ${at} of 3: `));
      assert.deepEqual(await right(), await given(), "right as shown, until it is said otherwise");
      const key = await page.locator("#photo").getAttribute("alt");
      assert.ok(await page.locator("#photo").evaluate((image) => image.decode().then(() => image.naturalWidth > 100)), key);
      if (at === 1) {
        for (const [letter] of await given()) await page.keyboard.press(letter);
        assert.deepEqual(await right(), []);
        const missing = page.locator("#tags button:not(.given)").first();
        await page.keyboard.press((await missing.textContent())[0]);
        assert.equal((await right()).length, 1);
      }
      expected[key] = (await right()).map(label);
      await page.keyboard.press("Enter");
    }
    await page.keyboard.press("Backspace");
    assert.match(await where.textContent(), /^Photo 2 of 3: .* \(3 marked\)$/);

    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#save").click()]);
    assert.equal(download.suggestedFilename(), "labels.json");
    await download.saveAs(join(folder, "labels.json"));
    const saved = JSON.parse(readFileSync(join(folder, "labels.json"), "utf8"));
    const labels = JSON.parse(await page.locator("#data").textContent()).categories;
    const named = (ids) => labels.filter(({ id }) => ids.includes(id)).map(({ label }) => label);
    assert.deepEqual(Object.fromEntries(Object.entries(saved).map(([key, ids]) => [key, named(ids)])), expected);
    assert.deepEqual(page.said, []);

    const report = JSON.parse(phototag("eval", folder, "--json"));
    assert.equal(report.spot_check.photos, 3);
    assert.ok(report.spot_check.precision < 1, "the first photo's tags were wrong");
  } finally {
    await browser.close();
    remove(folder);
  }
});
