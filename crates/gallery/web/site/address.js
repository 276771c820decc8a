// What the address says besides the filters: the photo that is open, the words searched for, the order.

const parts = () => location.hash.slice(1).split("&").filter(Boolean);

export const read = (name) => {
  const found = parts().find((part) => part.startsWith(`${name}=`));
  try {
    return found && decodeURIComponent(found.slice(name.length + 1));
  } catch {
    return undefined;
  }
};

/** Says it, or takes it out; as a new entry of the history if asked. */
export const write = (name, value, entry = false) => {
  const rest = parts().filter((part) => !part.startsWith(`${name}=`));
  if (value) rest.push(`${name}=${encodeURIComponent(value)}`);
  const hash = rest.length ? `#${rest.join("&")}` : "";
  if (hash === location.hash) return;
  const address = location.href.split("#")[0] + hash;
  if (entry) history.pushState(null, "", address);
  else history.replaceState(history.state, "", address);
};
