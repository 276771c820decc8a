// The page's data: ratios and tags of all photos at once, details of the photos in view.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const digit = new Map([...DIGITS].map((letter, value) => [letter, value]));

const block = JSON.parse(document.getElementById("photos").textContent);

/** Width by height of each photo; written by data.rs on a logarithmic scale. */
export const ratios = Float64Array.from({ length: block.ratios.length / 2 }, (_, at) => {
  const scaled = digit.get(block.ratios[2 * at]) * 64 + digit.get(block.ratios[2 * at + 1]);
  return 2 ** ((scaled - 2048) / 256);
});

export const categories = block.categories;

/** The tags of each photo. */
export const tags = Array.from(ratios, () => []);
for (const { id, photos } of categories) {
  let [next, step, weight] = [0, 0, 1];
  for (const letter of photos) {
    const value = digit.get(letter);
    step += (value & 31) * weight;
    weight *= 32;
    if (value < 32) {
      tags[next + step].push(id);
      [next, step, weight] = [next + step + 1, 0, 1];
    }
  }
}

const MONTHS = "January February March April May June July August September October November December".split(" ");

const understand = ([name, key, widths, height, placeholder, alt, caption, camera, date]) => {
  const file = (each, ending) => `img/${name}-${each}.${ending}`;
  const set = (ending) => widths.map((each) => `${file(each, ending)} ${each}w`).join(", ");
  const largest = widths.at(-1);
  const [year, month, day] = date.slice(0, 10).split("-").map(Number);
  return {
    key,
    placeholder,
    alt,
    caption: caption || key,
    facts: [date && `${day} ${MONTHS[month - 1]} ${year}`, camera].filter(Boolean).join(" · "),
    width: largest,
    height,
    small: file(widths[0], "jpg"),
    large: file(largest, "jpg"),
    largeWebp: file(largest, "webp"),
    webp: set("webp"),
    jpeg: set("jpg"),
  };
};

const known = new Map();
const asked = new Map();
let words;

// Data comes as scripts, because a page that was opened from disk can load them.
window.phototag = (news) => {
  news.photos?.forEach((photo, at) => known.set(news.number * block.chunk + at, understand(photo)));
  words = news.words ?? words;
};

const script = (address) => {
  if (!asked.has(address)) {
    asked.set(
      address,
      new Promise((loaded, failed) => {
        const element = document.createElement("script");
        element.src = address;
        element.onload = loaded;
        element.onerror = () => {
          asked.delete(address);
          failed(Error(`${address} cannot be loaded`));
        };
        document.head.append(element);
      }),
    );
  }
  return asked.get(address);
};

/** A photo's details, if they are loaded. */
export const details = (number) => known.get(number);

/** Loads a photo's details. */
export const bring = async (number) => {
  if (!known.has(number)) await script(`data/${Math.floor(number / block.chunk)}.js`);
  return known.get(number);
};

/** Key and caption of each photo. */
export const allWords = async () => {
  if (!words) await script("data/words.js");
  return words;
};

/** PhotoSwipe's core, loaded when the first photo is opened. */
export const photoswipe = async () => {
  if (!window.PhotoSwipe) await script("photoswipe.js");
  return window.PhotoSwipe;
};
