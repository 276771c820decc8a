// Filter buttons for a photo gallery, from phototag's tags.json. Defines <phototag-filter>, nothing else:
//   <phototag-filter for="ID of the gallery" tags="tags.json" categories="categories.json"></phototag-filter>
// Optional: sort="count|catalog", match="any|all", items="CSS selector". MIT or Apache-2.0.

const isText = (value) => typeof value === "string";

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** What a file says, or nothing and a warning. */
const load = async (url, understand) => {
  try {
    const answer = await fetch(url);
    if (!answer.ok) throw Error(`HTTP ${answer.status}`);
    return understand(await answer.json());
  } catch (error) {
    console.warn(`phototag-filter: ${url}: ${error.message}`);
  }
};

const understandTags = (json) => {
  const lines = Object.entries(json);
  if (Array.isArray(json) || !lines.every(([, tags]) => Array.isArray(tags))) {
    throw Error("not photos with their tags");
  }
  return new Map(lines.map(([key, tags]) => [key.normalize(), [...new Set(tags.filter(isText))]]));
};

const understandCategories = (json) =>
  json.filter((category) => isText(category.id)).sort((a, b) => a.order - b.order);

const decode = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Keys that an address may stand for: "15", "15.jpg", "2019/15.jpg", ... */
const keysOf = (address) => {
  const parts = address.split(/[?#]/)[0].split("/").map(decode);
  const names = parts.map((_, at) => parts.slice(-1 - at).join("/"));
  return [names[0].replace(/(?!^)\.[^.]*$/, ""), ...names].map((name) => name.normalize());
};

/** A photo's key: what it says itself, else what its pictures and links are called. No key: no photo. */
const keyOf = (item, tags) => {
  const parts = [item, ...item.querySelectorAll("img, a, [data-key]")];
  const says = (name) => parts.map((part) => part.getAttribute(name)).filter((value) => value && !/^data:/.test(value));
  const own = says("data-key")[0]?.normalize();
  const found = ["src", "data-src", "href"].flatMap(says).flatMap(keysOf);
  return own ?? found.find((key) => tags.has(key)) ?? found[0];
};

const moving = new WeakMap();

/** Makes a change, and lets every element near the viewport glide from its old place (FLIP). */
const glide = (elements, change) => {
  if (still.matches) return change();
  const place = (element) => {
    const box = element.getBoundingClientRect();
    return box.width && box.bottom > -innerHeight && box.top < 2 * innerHeight && box;
  };
  const before = elements.map(place);
  elements.forEach((element) => moving.get(element)?.cancel());
  change();
  elements.forEach((element, at) => {
    const [from, to] = [before[at], place(element)];
    if (!to) return;
    const start = from
      ? { transform: `translate(${from.x - to.x}px, ${from.y - to.y}px)` }
      : { transform: "scale(.9)", opacity: 0 };
    moving.set(element, element.animate([start, {}], { duration: 350, easing: "cubic-bezier(.2, .8, .2, 1)" }));
  });
};

customElements.get("phototag-filter") ||
  customElements.define(
    "phototag-filter",
    class extends HTMLElement {
      #chosen = new Set();
      #all = false;
      #categories = [];
      #buttons = new Map();
      #status;
      #matchAll;

      connectedCallback() {
        if (this.#status) return;
        this.role = "group";
        this.ariaLabel ||= "Filter photos";
        this.#status = document.createElement("output");
        this.#matchAll = this.#button(() => (this.#all = !this.#all), "Match all");
        this.#readHash();
        addEventListener("popstate", () => {
          this.#readHash();
          this.#apply();
        });
        const gallery = document.getElementById(this.getAttribute("for"));
        if (gallery) this.#serve(gallery);
      }

      /** For a page that draws its photos itself: each photo's tags, and the categories in order. The
       * page hears "change", asks `matches`, and says how many photos it shows with `counter`. */
      show(photos, categories) {
        this.#categories = categories;
        this.#draw(photos);
        this.#apply();
      }

      matches(tags) {
        const chosen = [...this.#chosen];
        const has = (id) => tags.includes(id);
        return !chosen.length || (this.#all ? chosen.every(has) : chosen.some(has));
      }

      counter(shown, total) {
        const text = `${shown} of ${total}`;
        if (this.#status.textContent !== text) this.#status.textContent = text;
      }

      async #serve(gallery) {
        const url = (name) => this.getAttribute(name);
        const tags = await load(url("tags") ?? "tags.json", understandTags);
        if (!tags) return;
        const categories = url("categories");
        if (categories) this.#categories = (await load(categories, understandCategories)) ?? [];
        let items = [];
        let layout;
        const isotope = () =>
          window.Isotope?.data?.(gallery) ?? window.jQuery?.(gallery).data?.("isotope");
        const tagsOf = (item) => tags.get(keyOf(item, tags)) ?? [];
        const wanted = (item) => this.matches(tagsOf(item));
        const look = () => {
          layout = isotope();
          const selector = url("items") ?? layout?.options?.itemSelector;
          const found = selector ? gallery.querySelectorAll(selector) : gallery.children;
          items = [...found].filter((item) => keyOf(item, tags) != null);
          this.#draw(items.map(tagsOf));
        };
        const apply = (glides) => {
          this.counter(items.filter(wanted).length, items.length);
          const hide = (item) => item.toggleAttribute("data-filtered", !layout && !wanted(item));
          if (!layout) return glides ? glide(items, () => items.forEach(hide)) : items.forEach(hide);
          items.forEach(hide);
          // jQuery's filters get (index, element), Isotope's own the element alone.
          const filter = (a, b) => wanted(b ?? a);
          const options = still.matches ? { filter, transitionDuration: 0 } : { filter };
          layout.arrange ? layout.arrange(options) : jQuery(gallery).isotope(options);
        };
        look();
        this.addEventListener("change", () => apply(true));
        this.#apply();
        // Items that come later; and an Isotope that comes later, which writes its style on the gallery.
        new MutationObserver(() => {
          const before = [layout, ...items];
          look();
          const now = [layout, ...items];
          if (now.length !== before.length || now.some((item, at) => item !== before[at])) apply();
        }).observe(gallery, { childList: true, subtree: true, attributeFilter: ["style", "src"] });
      }

      #button(act, text) {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = text;
        button.addEventListener("click", () => {
          act();
          this.#writeHash();
          this.#apply();
        });
        return button;
      }

      /** Buttons for the categories that photos have; those that are there stay where they are. */
      #draw(photos) {
        const counts = new Map();
        photos.flat().forEach((id) => counts.set(id, (counts.get(id) ?? 0) + 1));
        const known = this.#categories.filter(({ id }) => counts.has(id));
        const ids = new Set(known.map(({ id }) => id));
        const strangers = [...counts.keys()].filter((id) => !ids.has(id)).sort();
        const all = [...known, ...strangers.map((id) => ({ id }))];
        if (this.getAttribute("sort") !== "catalog") all.sort((a, b) => counts.get(b.id) - counts.get(a.id));
        if (!this.#buttons.size) {
          this.#buttons.set(null, this.#button(() => this.#chosen.clear(), ""));
          this.append(this.#buttons.get(null), this.#matchAll, this.#status);
        }
        for (const { id, label, emoji } of [{ id: null, label: "All" }, ...all]) {
          let button = this.#buttons.get(id);
          if (!button) {
            button = this.#button(() => this.#chosen.delete(id) || this.#chosen.add(id), "");
            this.#buttons.set(id, button);
            this.#matchAll.before(button);
          }
          if (!button.firstChild) {
            const icon = document.createElement("span");
            icon.ariaHidden = true;
            icon.textContent = emoji ? `${emoji} ` : "";
            button.append(icon, label ?? id, " ", document.createElement("small"));
          }
        }
        this.#buttons.forEach((button, id) => {
          const count = `(${id === null ? photos.length : (counts.get(id) ?? 0)})`;
          if (button.lastChild.textContent !== count) button.lastChild.textContent = count;
        });
      }

      #apply() {
        this.#buttons.forEach((button, id) => {
          button.ariaPressed = id === null ? !this.#chosen.size : this.#chosen.has(id);
        });
        this.#matchAll.hidden = this.#chosen.size < 2;
        this.#matchAll.ariaPressed = this.#all;
        this.dispatchEvent(new Event("change"));
      }

      #readHash() {
        const value = (name) => location.hash.match(`[#&]${name}=([^&]*)`)?.[1];
        const chosen = (value("tags") ?? "").split(",").filter(Boolean).map(decode);
        const all = (value("match") ?? this.getAttribute("match")) === "all";
        this.#chosen = new Set(chosen);
        this.#all = all;
      }

      #writeHash() {
        const others = location.hash.slice(1).split("&").filter((part) => part && !/^(tags|match)=/.test(part));
        const tags = [...this.#chosen].map(encodeURIComponent).join();
        if (tags) others.push(`tags=${tags}`);
        if (this.#chosen.size > 1) others.push(`match=${this.#all ? "all" : "any"}`);
        const hash = others.length ? `#${others.join("&")}` : "";
        if (hash !== location.hash) history.pushState(null, "", location.href.split("#")[0] + hash);
      }
    },
  );
