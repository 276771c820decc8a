// The parts of the address besides the filters: the open photo, the search words, the order.

const parts = () => location.hash.slice(1).split("&").filter(Boolean);

export const read = (name) => {
  const found = parts().find((part) => part.startsWith(`${name}=`));
  try {
    return found && decodeURIComponent(found.slice(name.length + 1));
  } catch {
    return undefined;
  }
};

/** Sets a part, or removes it if the value is empty; `entry` adds it to the history. */
export const write = (name, value, entry = false) => {
  const rest = parts().filter((part) => !part.startsWith(`${name}=`));
  if (value) rest.push(`${name}=${encodeURIComponent(value)}`);
  const hash = rest.length ? `#${rest.join("&")}` : "";
  if (hash === location.hash) return;
  const address = location.href.split("#")[0] + hash;
  if (entry) history.pushState(null, "", address);
  else history.replaceState(history.state, "", address);
};
