// The lit disc of a photograph, found as helpers/fundus.py finds it.
//
// A photograph is {height, width, data} with four bytes a pixel, red first, as a canvas
// gives it. A mask is {height, width, on} with one byte a pixel, 0 or 1. Both go row by
// row: the pixel in row y and column x is number y * width + x.
"use strict";

const f32 = Math.fround; // to 32 bits, in which Python compares

/** Round as Python does: halves go to the even number. */
function round(x) {
  const below = Math.floor(x);
  return x - below === 0.5 ? below + (below % 2) : Math.round(x);
}

/** Return one colour of a photograph, 0 for red, as 32-bit floats in [0, 1]. */
function channel(photo, colour) {
  const values = new Float32Array(photo.height * photo.width);
  for (let k = 0; k < values.length; k++) values[k] = photo.data[4 * k + colour] / 255;
  return values;
}

/** Return the value below which a share of the values lies, as numpy.quantile does. */
function quantile(values, share) {
  const sorted = values.slice().sort();
  const place = f32(f32(values.length - 1) * f32(share)), below = Math.floor(place);
  const low = sorted[below], high = sorted[Math.min(below + 1, values.length - 1)];
  return f32(low + (high - low) * (place - below));
}

function mask(height, width, test) {
  const on = new Uint8Array(height * width);
  for (let k = 0; k < on.length; k++) on[k] = test(k);
  return {height, width, on};
}

const inverse = ({height, width, on}) => mask(height, width, (k) => 1 - on[k]);

/** Find the field of view of a photograph (find_fov): {fov, isDisc}. */
function findFov(photo) {
  const {height, width} = photo;
  const step = Math.max(1, Math.floor(Math.min(height, width) / 1000));
  let first = null;
  for (const parts of candidates(everyNth(photo, step))) {
    if (isDisc(parts)) return {fov: enlarged(parts, step, height, width), isDisc: true};
    first ??= parts;
  }
  const fov = first ? enlarged(first, step, height, width) : mask(height, width, () => 1);
  return {fov, isDisc: false};
}

function everyNth(photo, step) {
  const height = Math.ceil(photo.height / step), width = Math.ceil(photo.width / step);
  const from = new Uint32Array(photo.data.buffer, photo.data.byteOffset);
  const to = new Uint32Array(height * width); // a pixel at a time
  for (let y = 0, k = 0; y < height; y++)
    for (let x = 0; x < width; x++) to[k++] = from[step * (y * photo.width + x)];
  return {height, width, data: new Uint8Array(to.buffer)};
}

function enlarged(parts, step, height, width) {
  const of = (n) => Math.floor(n / step);
  return mask(height, width, (k) => parts.on[of(k / width) * parts.width + of(k % width)]);
}

/** Yield what may be the field of view, the likeliest first. */
function* candidates(photo) {
  for (const bright of [lit, unlikeTheCorners]) {
    let parts = filled(bright(photo));
    for (const isCut of [false, true]) { // as it is, and without what hangs on to it
      if (isCut) parts = opened(parts, Math.min(parts.height, parts.width) / 40);
      parts = largest(parts);
      if (!parts) break;
      yield parts;
    }
  }
}

/** Return where red is above a tenth of its maximum, hot pixels left out. */
function lit(photo) {
  const red = channel(photo, 0), limit = f32(quantile(red, 0.999) / 10);
  return mask(photo.height, photo.width, (k) => red[k] > limit);
}

/** Return what is unlike the colour of the frame's corners, beyond their noise. */
function unlikeTheCorners(photo) {
  const {height, width} = photo;
  const side = Math.max(4, round(0.03 * Math.min(height, width)));
  const isEnd = (n, length) => n < side || n >= length - side;
  const corners = [];
  for (let k = 0; k < height * width; k++)
    if (isEnd(Math.floor(k / width), height) && isEnd(k % width, width)) corners.push(k);
  const layers = [0, 1, 2].map((colour) => channel(photo, colour));
  const at = (values) => Float32Array.from(corners, values);
  const usual = layers.map((layer) => quantile(at((k) => layer[k]), 0.5));
  const away = (k) => Math.max(...layers.map((layer, c) => Math.abs(layer[k] - usual[c])));
  const limit = f32(Math.max(5 * quantile(at(away), 0.5), 0.06)); // 6 deviations
  return mask(height, width, (k) => f32(away(k)) > limit);
}

/** Return a mask with its gaps closed and its holes filled. */
function filled(bright) {
  const {height, width} = bright;
  const radius = Math.max(1, round(Math.min(height, width) / 100));
  const margin = 2 * radius, wide = width + 2 * margin; // dark all round: see fundus.py
  const padded = mask(height + 2 * margin, wide, (k) => {
    const y = Math.floor(k / wide) - margin, x = (k % wide) - margin;
    return y >= 0 && y < height && x >= 0 && x < width && bright.on[y * width + x];
  });
  const closed = shrunk(grown(padded, radius), radius);
  const outside = new Int32Array(closed.on.length);
  flood(closed, 0, outside, 1, false);
  return mask(height, width, (k) => {
    const y = Math.floor(k / width) + margin, x = (k % width) + margin;
    return !outside[y * wide + x];
  });
}

/** Return all pixels at most ``radius`` away from a mask. */
function grown({height, width, on}, radius) {
  const away = new Int32Array(on.length).fill(height + width); // in the column, up or down
  for (let k = 0; k < on.length; k++)
    away[k] = on[k] ? 0 : k < width ? away[k] : away[k - width] + 1;
  for (let k = on.length - width - 1; k >= 0; k--)
    away[k] = Math.min(away[k], away[k + width] + 1);
  const result = new Uint8Array(on.length);
  for (let y = 0; y < height; y++) {
    const ends = new Int32Array(width + 1); // of the stretches within reach: +1 ... -1
    for (let x = 0; x < width; x++) {
      const d = away[y * width + x];
      if (d > radius) continue;
      const reach = Math.floor(Math.sqrt(radius * radius - d * d));
      ends[Math.max(0, x - reach)]++;
      ends[Math.min(width, x + reach + 1)]--;
    }
    for (let x = 0, open = 0; x < width; x++)
      result[y * width + x] = (open += ends[x]) > 0;
  }
  return {height, width, on: result};
}

const shrunk = (mask, radius) => inverse(grown(inverse(mask), radius));
const opened = (mask, radius) => grown(shrunk(mask, radius), radius);

/** Mark what hangs together with a first pixel; return the number of pixels. */
function flood({height, width, on}, first, marks, mark, diagonally) {
  const stack = [first];
  let count = 0;
  marks[first] = mark;
  while (stack.length) {
    const k = stack.pop(), y = Math.floor(k / width), x = k % width;
    count++;
    for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++)
      for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
        const next = v * width + u, isBeside = diagonally || u === x || v === y;
        if (!isBeside || marks[next] || on[next] !== on[first]) continue;
        marks[next] = mark;
        stack.push(next);
      }
  }
  return count;
}

/** Return the largest part of a mask that hangs together, null where it is empty. */
function largest(parts) {
  const marks = new Int32Array(parts.on.length);
  let mark = 0, most = 0, best = 0;
  for (let k = 0; k < marks.length; k++) {
    if (!parts.on[k] || marks[k]) continue;
    const count = flood(parts, k, marks, ++mark, true);
    if (count > most) [most, best] = [count, mark];
  }
  return best ? mask(parts.height, parts.width, (k) => marks[k] === best) : null;
}

/** Return the first and last row and column of a mask. */
function box({height, width, on}) {
  let top = height, bottom = -1, left = width, right = -1;
  for (let k = 0; k < on.length; k++) {
    if (!on[k]) continue;
    const y = Math.floor(k / width), x = k % width;
    top = Math.min(top, y);
    bottom = y;
    left = Math.min(left, x);
    right = Math.max(right, x);
  }
  return {top, bottom, left, right};
}

const sides = ({top, bottom, left, right}) => [bottom - top + 1, right - left + 1];
const diameter = (mask) => Math.max(...sides(box(mask)));

/** Tell whether a mask looks like the lit disc of a camera (is_disc). */
function isDisc(inside) {
  const share = inside.on.reduce((sum, on) => sum + on, 0) / inside.on.length;
  if (!(share > 0.05 && share < 0.98)) return false;
  const [short, long] = sides(box(inside)).sort((a, b) => a - b);
  return long <= 2 * short && likenessToDisc(inside) >= 0.95;
}

/** Return the overlap (IoU) of a mask with the disc that would fill its box. */
function likenessToDisc(inside) {
  const {top, bottom, left, right} = box(inside), radius = diameter(inside) / 2;
  let both = 0, either = 0;
  for (let y = top; y <= bottom; y++)
    for (let x = left; x <= right; x++) {
      const on = inside.on[y * inside.width + x];
      const inDisc = Math.hypot(y - (top + bottom) / 2, x - (left + right) / 2) <= radius;
      both += on && inDisc;
      either += on || inDisc;
    }
  return both / either;
}
