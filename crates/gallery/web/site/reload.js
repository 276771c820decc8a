// Only while `phototag gallery --serve` runs: reloads the page after a rebuild.
const wait = () =>
  fetch("phototag-reload").then(
    (answer) => (answer.ok ? location.reload() : setTimeout(wait, 1000)),
    () => setTimeout(wait, 1000),
  );
wait();
