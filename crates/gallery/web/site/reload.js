// Only while `phototag gallery --serve` runs: loads the page again when the site was built again.
const wait = () =>
  fetch("phototag-reload").then(
    (answer) => (answer.ok ? location.reload() : setTimeout(wait, 1000)),
    () => setTimeout(wait, 1000),
  );
wait();
