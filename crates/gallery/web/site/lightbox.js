// The lightbox: PhotoSwipe over the shown photos, with captions, and an address for each photo.

import PhotoSwipeLightbox from "photoswipe/lightbox";
import { read, write } from "./address.js";
import { allWords, bring, details, photoswipe, ratios } from "./data.js";

/** `grid` shows the photos of `order()`. */
export const lightbox = (grid, order) => {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let webp = true;
  let pushed = false;
  const box = new PhotoSwipeLightbox({
    pswpModule: photoswipe,
    bgOpacity: 1,
    showHideAnimationType: still ? "none" : "zoom",
    zoomAnimationDuration: still ? 0 : 280,
    paddingFn: ({ x }) => (x < 700 ? { top: 48, bottom: 72, left: 0, right: 0 } : { top: 56, bottom: 88, left: 32, right: 32 }),
    wheelToZoom: true,
  });

  box.addFilter("numItems", () => order().length);
  box.addFilter("itemData", (_, at) => {
    const number = order()[at];
    const photo = details(number);
    if (!photo) {
      bring(number).then(() => box.pswp?.refreshSlideContent(at), () => {});
      return { html: "", width: 1000 * ratios[number], height: 1000 };
    }
    const shown = grid.element(number)?.querySelector("img")?.currentSrc;
    return {
      src: webp ? photo.largeWebp : photo.large,
      srcset: webp ? photo.webp : photo.jpeg,
      msrc: shown || undefined,
      width: photo.width,
      height: photo.height,
      alt: photo.alt,
    };
  });
  box.addFilter("thumbEl", (thumb, _, at) => grid.element(order()[at])?.querySelector("img") ?? thumb);

  box.on("uiRegister", () => {
    const { pswp } = box;
    pswp.element.ariaLabel = "Photo";
    pswp.ui.registerElement({
      name: "caption",
      appendTo: "root",
      onInit: (element) => {
        const say = () => {
          const photo = details(order()[pswp.currIndex]);
          const facts = document.createElement("small");
          facts.textContent = photo?.facts ?? "";
          element.replaceChildren(photo?.caption ?? "", facts);
        };
        pswp.on("change", say);
        pswp.on("contentLoad", say);
      },
    });
  });
  box.on("change", () => {
    const at = box.pswp.currIndex;
    bring(order()[at]).then((photo) => {
      if (box.pswp?.currIndex === at) write("photo", photo.key, !pushed && !read("photo"));
      pushed = true;
    }, () => {});
  });
  box.on("close", () => {
    const number = order()[box.pswp.currIndex];
    grid.reveal(number);
    grid.element(number)?.focus({ preventScroll: true });
  });
  box.on("destroy", () => {
    pushed = false;
    write("photo", "");
  });
  box.init();

  const open = (number) => {
    const at = order().indexOf(number);
    if (at >= 0 && !box.pswp) bring(number).then(() => box.loadAndOpen(at), () => {});
  };

  /** Opens the photo in the address, or closes the lightbox if there is none. */
  const follow = async () => {
    const key = read("photo");
    if (!key) return box.pswp?.close();
    const number = (await allWords()).findIndex(([each]) => each === key);
    if (number < 0) return;
    if (box.pswp) return box.pswp.goTo(order().indexOf(number));
    grid.reveal(number);
    pushed = true;
    open(number);
  };
  addEventListener("popstate", follow);
  document.addEventListener("load", ({ target }) => {
    if (target.currentSrc) webp = target.currentSrc.endsWith(".webp");
  }, { capture: true, once: true });
  return { open, follow };
};
