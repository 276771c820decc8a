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
      assert.ok(await page.locator("#photo").evaluate((image) => image.decode().then(() => Math.max(image.naturalWidth, image.naturalHeight) >= (image.alt === "guitarist" ? 512 : 800))), key);
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

    // Marks outlive the page until they are saved.
    const before = await right();
    await page.reload();
    assert.match(await where.textContent(), /\(3 marked\)$/);
    while (!(await where.textContent()).startsWith("Photo 2 ")) await page.keyboard.press("Enter");
    assert.deepEqual(await right(), before);

    // Caps Lock makes capitals.
    const [letter] = await page.locator("#tags button").first().textContent();
    await page.keyboard.press(letter.toUpperCase());
    assert.notDeepEqual(await right(), before);
    await page.keyboard.press(letter.toUpperCase());
    assert.deepEqual(await right(), before);

    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#save").click()]);
    assert.equal(download.suggestedFilename(), "answers.json");
    await download.saveAs(join(folder, "answers.json"));
    const saved = JSON.parse(readFileSync(join(folder, "answers.json"), "utf8"));
    const labels = JSON.parse(await page.locator("#data").textContent()).categories;
    const yes = (said) => labels.filter(({ id }) => /^yes, spot check, \d{4}-\d\d-\d\d$/.test(said[id])).map(({ label }) => label);
    assert.deepEqual(Object.fromEntries(Object.entries(saved).map(([key, said]) => [key, yes(said)])), expected);
    for (const said of Object.values(saved)) assert.equal(Object.keys(said).length, labels.length, "every category was asked");
    assert.deepEqual(page.said, []);

    const report = JSON.parse(phototag("eval", folder, "--json"));
    assert.equal(report.spot_check.photos, 3);
    assert.ok(report.spot_check.precision.value < 1, "the first photo's tags were wrong");
    phototag("tag", folder);
    const tags = JSON.parse(readFileSync(join(folder, "tags.json"), "utf8"));
    const ids = (key) => labels.filter(({ label }) => expected[key].includes(label)).map(({ id }) => id);
    for (const key of Object.keys(expected)) assert.deepEqual(tags[key], ids(key).sort(), "marks reach tags.json");
  } finally {
    await browser.close();
    remove(folder);
  }
});
