// The gallery's page: filters, search and order decide which photos the grid shows.

import "../filter.js";
import { read, write } from "./address.js";
import { allWords, categories, photoswipe, ratios, tags } from "./data.js";
import { Grid } from "./grid.js";
import { lightbox } from "./lightbox.js";

const place = document.getElementById("gallery");
const bar = document.querySelector(".bar");
const filter = document.querySelector("phototag-filter");
const search = document.querySelector("input[type=search]");
const sort = document.querySelector("select");

const nothing = document.createElement("p");
nothing.className = "nothing";
nothing.textContent = "No photos match.";
nothing.hidden = true;
place.before(nothing);

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const labels = new Map(categories.map(({ id, label }) => [id, label]));

let order = [];
let texts;
let byName;
const grid = new Grid(place);
const box = lightbox(grid, () => order);

const update = () => {
  const words = texts ? plain(search.value).split(/\s+/).filter(Boolean) : [];
  const all = sort.value && byName ? byName : ratios.keys();
  order = [...all].filter((number) => filter.matches(tags[number]) && words.every((word) => texts[number].includes(word)));
  filter.counter(order.length, ratios.length);
  nothing.hidden = order.length > 0;
  grid.show(order);
};

const prepare = async () => {
  if (texts || !(search.value || sort.value)) return;
  const words = await allWords();
  texts = words.map(([key, caption], number) => plain([key, caption, ...tags[number].map((id) => labels.get(id))].join(" ")));
  const { compare } = new Intl.Collator(undefined, { numeric: true });
  byName = [...ratios.keys()].sort((a, b) => compare(words[a][0], words[b][0]));
};

const refine = async () => {
  write("q", search.value);
  write("sort", sort.value);
  await prepare().catch((error) => console.warn(error.message));
  update();
};

const follow = () => {
  search.value = read("q") ?? "";
  sort.value = read("sort") === "name" ? "name" : "";
};

bar.hidden = false;
follow();
filter.addEventListener("change", update);
filter.show(tags, categories);
if (search.value || sort.value) refine();
if (read("photo")) box.follow();

search.addEventListener("input", refine);
sort.addEventListener("change", refine);
addEventListener("popstate", () => {
  follow();
  prepare().then(update, () => {});
});
place.addEventListener("pointerover", photoswipe, { once: true });
place.addEventListener("click", (event) => {
  const photo = event.target.closest(".photo");
  if (!photo || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  box.open(Number(photo.dataset.number));
});
