// Justified rows: photos are not cropped, rows have the same width and about the same height.

/** Boxes for photos of these ratios (width by height), in rows `width` wide. Returns x, y, width and
 * height a photo, one after the other, and the height of all. */
export const justify = (ratios, width, { height, gap }) => {
  const boxes = new Float64Array(ratios.length * 4);
  let [start, sum, y] = [0, 0, 0];
  const close = (end, row) => {
    let x = 0;
    for (let at = start; at < end; at++) {
      const wide = ratios[at] * row;
      boxes.set([x, y, wide, row], at * 4);
      x += wide + gap;
    }
    y += row + gap;
    [start, sum] = [end, 0];
  };
  const fitting = (sum, count) => (width - gap * (count - 1)) / sum;
  for (let at = 0; at < ratios.length; at++) {
    const before = sum && fitting(sum, at - start);
    const now = fitting(sum + ratios[at], at + 1 - start);
    if (now <= height) {
      // The photo that makes the row full may make it too low: the better of both rows.
      if (before && before / height < height / now) {
        close(at, before);
        sum = ratios[at];
        const alone = fitting(sum, 1);
        if (alone <= height) close(at + 1, alone);
      } else close(at + 1, now);
    } else sum += ratios[at];
  }
  // The last row is not stretched.
  if (start < ratios.length) close(ratios.length, Math.min(height, fitting(sum, ratios.length - start)));
  return { boxes, height: Math.max(0, y - gap) };
};
