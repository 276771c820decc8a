// Builds dist/, which phototag embeds, from the sources and PhotoSwipe. Scripts are classic ones, because a page that was
// opened from disk cannot load modules. `node build.js` writes the files; the tests compare them.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
// Git keeps text with plain line ends.
const swipe = (name) => readFileSync(here(`node_modules/photoswipe/${name}`), "utf8").replaceAll("\r\n", "\n");

/** File names and their contents. */
export const bundle = async () => {
  const script = await build({
    entryPoints: [here("site/main.js")],
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    banner: { js: "/* phototag: MIT or Apache-2.0. With PhotoSwipe Lightbox 5.4.4, MIT: photoswipe-LICENSE.txt */" },
    write: false,
  });
  const styles = await build({
    stdin: { contents: `@import "photoswipe/dist/photoswipe.css";@import "./filter.css";@import "./site/site.css";`, loader: "css", resolveDir: here(".") },
    bundle: true,
    minify: true,
    legalComments: "none",
    target: "es2022",
    banner: { css: "/* phototag: MIT or Apache-2.0. With PhotoSwipe 5.4.4, MIT: photoswipe-LICENSE.txt */" },
    write: false,
  });
  return {
    "site.js": script.outputFiles[0].text,
    "site.css": styles.outputFiles[0].text,
    "photoswipe.js": swipe("dist/umd/photoswipe.umd.min.js"),
    "photoswipe-LICENSE.txt": swipe("LICENSE"),
  };
};

if (process.argv[1] === here("build.js")) {
  for (const [name, text] of Object.entries(await bundle())) writeFileSync(here(`dist/${name}`), text);
}
