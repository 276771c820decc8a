// The grid: lays out all photos, keeps only those near the viewport in the page, and lets them glide
// to their new places when the choice changes.

import { bring, details, ratios } from "./data.js";
import { justify } from "./layout.js";

const LEAVE = 250;

/** The placeholder: a few colours, which the browser blends when it stretches them. */
const paint = (canvas, colours) => {
  const bytes = colours.match(/../g).map((pair) => parseInt(pair, 16));
  const side = Math.sqrt(bytes.length / 3);
  canvas.width = canvas.height = side;
  const picture = new ImageData(side, side);
  for (let at = 0; at < side * side; at++) picture.data.set([...bytes.slice(3 * at, 3 * at + 3), 255], 4 * at);
  canvas.getContext("2d").putImageData(picture, 0, 0);
};

const fill = (element, photo, width) => {
  element.href = photo.large;
  const canvas = document.createElement("canvas");
  canvas.ariaHidden = true;
  paint(canvas, photo.placeholder);
  const picture = document.createElement("picture");
  const source = document.createElement("source");
  const image = document.createElement("img");
  source.type = "image/webp";
  source.sizes = image.sizes = `${Math.ceil(width)}px`;
  source.srcset = photo.webp;
  image.alt = photo.alt;
  image.decoding = "async";
  image.onload = () => element.classList.add("loaded");
  picture.append(source, image);
  element.append(canvas, picture);
  image.srcset = photo.jpeg;
  image.src = photo.small;
};

export class Grid {
  #place;
  #order = [];
  #boxes = new Float64Array();
  #elements = new Map();
  #waiting = false;

  constructor(place) {
    this.#place = place;
    const later = () => {
      if (this.#waiting) return;
      this.#waiting = true;
      requestAnimationFrame(() => {
        this.#waiting = false;
        this.#render();
      });
    };
    addEventListener("scroll", later, { passive: true });
    let width = 0;
    new ResizeObserver(() => {
      if (place.clientWidth === width) return later();
      width = place.clientWidth;
      this.#lay();
      this.#render();
    }).observe(place);
  }

  /** Shows these photos, in this order. */
  show(order) {
    const first = !this.#order.length && !this.#elements.size;
    this.#order = order;
    this.#lay();
    this.#place.classList.toggle("gliding", !first);
    this.#render();
  }

  /** The element of a photo, if it is near the viewport. */
  element(number) {
    return this.#elements.get(number);
  }

  /** Scrolls a photo into view. */
  reveal(number) {
    const at = this.#order.indexOf(number);
    if (at < 0) return;
    const [y, height] = [this.#boxes[4 * at + 1], this.#boxes[4 * at + 3]];
    const top = this.#place.getBoundingClientRect().top + y;
    if (top < 0 || top + height > innerHeight) scrollBy({ top: top - (innerHeight - height) / 2, behavior: "instant" });
    this.#render();
  }

  #lay() {
    const width = this.#place.clientWidth;
    const style = getComputedStyle(this.#place);
    const size = (name) => parseFloat(style.getPropertyValue(name));
    const chosen = this.#order.map((number) => ratios[number]);
    const { boxes, height } = justify(chosen, width, { height: size("--row"), gap: size("--gap") });
    this.#boxes = boxes;
    this.#place.style.height = `${height}px`;
  }

  /** The first photo whose box ends below `y`. */
  #find(y) {
    let [low, high] = [0, this.#order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#boxes[4 * middle + 1] + this.#boxes[4 * middle + 3] < y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #render() {
    const top = -this.#place.getBoundingClientRect().top;
    const wanted = new Map();
    for (let at = this.#find(top - innerHeight / 2); at < this.#order.length; at++) {
      if (this.#boxes[4 * at + 1] > top + innerHeight * 1.75) break;
      wanted.set(this.#order[at], at);
    }
    for (const [number, element] of this.#elements) if (!wanted.has(number)) this.#leave(number, element);
    // In visual order, for the keyboard and for screen readers.
    let next = this.#place.firstElementChild;
    for (const [number, at] of wanted) {
      while (next?.classList.contains("leaving")) next = next.nextElementSibling;
      let element = this.#elements.get(number);
      const [x, y, width, height] = this.#boxes.subarray(4 * at, 4 * at + 4);
      if (!element) {
        element = this.#enter(number, width);
        this.#elements.set(number, element);
      }
      if (element === next) next = next.nextElementSibling;
      else this.#place.insertBefore(element, next);
      element.style.transform = `translate(${x.toFixed(2)}px, ${y.toFixed(2)}px)`;
      element.style.width = `${width.toFixed(2)}px`;
      element.style.height = `${height.toFixed(2)}px`;
    }
  }

  #enter(number, width) {
    const element = document.createElement("a");
    element.className = "photo";
    element.dataset.number = number;
    element.href = "#";
    const photo = details(number);
    if (photo) fill(element, photo, width);
    else {
      bring(number).then((photo) => fill(element, photo, width), () => element.classList.add("missing"));
    }
    return element;
  }

  #leave(number, element) {
    this.#elements.delete(number);
    if (!this.#place.classList.contains("gliding") || element.contains(document.activeElement)) return element.remove();
    element.classList.add("leaving");
    element.inert = true;
    setTimeout(() => element.remove(), LEAVE);
  }
}
