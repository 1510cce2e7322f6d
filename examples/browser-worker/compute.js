// A piece of the Mandelbrot set: how many of its pixels are inside, and how long the others took to leave.

const ROWS_BETWEEN_REPORTS = 8;

onmessage = ({ data: { left, top, size, pixels, iterations } }) => {
  const shades = new Uint8Array(pixels * pixels);
  const step = size / pixels;
  let inside = 0;
  let steps = 0;
  for (let row = 0; row < pixels; row += 1) {
    for (let column = 0; column < pixels; column += 1) {
      const taken = stepsToLeave(left + (column + 0.5) * step, top + (row + 0.5) * step, iterations);
      steps += taken;
      if (taken === iterations) inside += 1;
      shades[row * pixels + column] = taken === iterations ? 0 : 20 + 235 * Math.sqrt(taken / iterations);
    }
    if (row % ROWS_BETWEEN_REPORTS === 0) postMessage({ percent: (100 * row) / pixels, row });
  }
  const area = (inside * size * size) / (pixels * pixels);
  postMessage({ shades, result: { inside, area, steps } });
};

function stepsToLeave(real, imaginary, limit) {
  let x = 0;
  let y = 0;
  for (let taken = 0; taken < limit; taken += 1) {
    const xx = x * x;
    const yy = y * y;
    if (xx + yy > 4) return taken;
    y = 2 * x * y + imaginary;
    x = xx - yy + real;
  }
  return limit;
}
