// How a site behaves in Chromium: SITE is a folder that `phototag gallery --out` wrote.
//
//     node bench/gallery/page.js SITE

import { launch, open, serve } from "../../crates/gallery/web/tests/browser.js";

const browser = await launch();
const server = await serve({ "": process.argv[2] });
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const runs = { paint: [], click: [], page: [], thumbnails: [], elements: [] };
for (let run = 0; run < 5; run++) {
  const page = await open(browser);
  const weights = { page: 0, thumbnails: 0 };
  page.on("response", async (answer) => {
    const size = (await answer.body().catch(() => "")).length;
    weights[/\/img\//.test(answer.url()) ? "thumbnails" : "page"] += size;
  });
  await page.goto(server.url, { waitUntil: "commit" });
  await page.waitForSelector(".photo.loaded img");
  runs.paint.push(await page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => setTimeout(() => painted(performance.now()))))));
  await page.waitForLoadState("networkidle");
  runs.page.push(weights.page / 1000);
  runs.thumbnails.push(weights.thumbnails / 1000);
  runs.elements.push(await page.evaluate(() => document.querySelectorAll("*").length));
  // From the click to the frame in which every photo has its final place; the glide to it takes 400 ms more.
  const click = await page.evaluate(async () => {
    const took = [];
    for (const button of [...document.querySelectorAll("phototag-filter button:not([hidden])")].slice(1, 6)) {
      const start = performance.now();
      button.click();
      await new Promise((frame) => requestAnimationFrame(() => setTimeout(frame)));
      took.push(performance.now() - start);
      button.click();
      await new Promise((later) => setTimeout(later, 600));
    }
    return took;
  });
  runs.click.push(median(click));
  await page.context().close();
}
const row = (what, numbers, unit) => console.log(`${what.padEnd(46)} ${median(numbers).toFixed(0)} ${unit}`);
row("first paint of a thumbnail", runs.paint, "ms");
row("filter click to the frame with the new layout", runs.click, "ms");
row("page without thumbnails, uncompressed", runs.page, "KB");
row("thumbnails before the first scroll", runs.thumbnails, "KB");
row("elements in the page", runs.elements, "");
await browser.close();
await server.close();
