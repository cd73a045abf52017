// From a photograph to the network's input and back, as helpers/preprocess.py and
// helpers/inference.py do it, within 1/255.
//
// A layer is {height, width, values}: 32-bit floats in [0, 1], row by row.
"use strict";

// ---- What the network is shown ----

/**
 * Return what the network is shown: {input, place, fov, isDisc}.
 *
 * The field of view with a margin, at the size at which it is ``known`` pixels wide: never
 * more than 1.3 times ``known`` each way, whatever the photograph has, so that one piece
 * is enough. ``input``: four layers; ``place``: where they lie in the photograph.
 */
function look(photo, known) {
  const {fov, isDisc} = findFov(photo), place = surroundings(fov);
  const factor = scaleTo(known, diameter(fov));
  const size = [place.height, place.width].map((side) => Math.max(1, round(side * factor)));
  let layers = [0, 1, 2].map((colour) => crop(photo, colour, place));
  if (factor !== 1) layers = layers.map((layer) => resized(layer, ...size));
  return {input: [gamma(clahe(layers[1])), ...layers], place, fov, isDisc};
}

/** Return rows and columns of the field of view with a margin of 8 % round it. */
function surroundings(fov) {
  const margin = round(0.08 * diameter(fov)), {top, bottom, left, right} = box(fov);
  const y = Math.max(0, top - margin), x = Math.max(0, left - margin);
  const height = Math.min(fov.height, bottom + margin + 1) - y;
  const width = Math.min(fov.width, right + margin + 1) - x;
  return {y, x, height, width};
}

/** Return the factor to the known diameter; within 5 % it is 1. */
function scaleTo(known, diameter) {
  const factor = known / diameter;
  return Math.abs(factor - 1) < 0.05 ? 1 : factor;
}

function crop(photo, colour, {y, x, height, width}) {
  const values = new Float32Array(height * width);
  for (let v = 0, k = 0; v < height; v++)
    for (let u = 0; u < width; u++)
      values[k++] = photo.data[4 * ((y + v) * photo.width + x + u) + colour] / 255;
  return {height, width, values};
}

/** Return probabilities of a whole photograph from the network's logits, 0 outside. */
function broughtBack(logits, {input: [{height, width}], place, fov}) {
  let probs = {height, width, values: logits.map((logit) => 1 / (1 + Math.exp(-logit)))};
  if (height !== place.height || width !== place.width)
    probs = resized(probs, place.height, place.width);
  const result = new Float32Array(fov.height * fov.width);
  for (let v = 0, k = 0; v < place.height; v++)
    for (let u = 0; u < place.width; u++, k++) {
      const there = (place.y + v) * fov.width + place.x + u;
      if (fov.on[there]) result[there] = Math.min(1, Math.max(0, probs.values[k]));
    }
  return result;
}

// ---- Resizing ----

/**
 * Resize a layer by linear interpolation, smoothed first where it shrinks.
 *
 * scikit-image smooths all columns, then all rows; here it is done at those pixels alone
 * that are sampled, two along each axis for one of the result: places 2k and 2k + 1.
 */
function resized(layer, height, width) {
  const rows = places(layer.height, height), columns = places(layer.width, width);
  const bell = (before, after) =>
    height < layer.height ? gaussian(Math.max(0, (before / after - 1) / 2)) : [1];
  let four = transposed(sampled(transposed(layer), rows, bell(layer.height, height)));
  four = sampled(four, columns, bell(layer.width, width));
  const values = new Float32Array(height * width);
  for (let y = 0, k = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const upper = 2 * y * four.width + 2 * x, lower = upper + four.width;
      const [down, right] = [rows[y].far, columns[x].far];
      const between = (n) => four.values[n] * (1 - right) + four.values[n + 1] * right;
      values[k++] = between(upper) * (1 - down) + between(lower) * down;
    }
  return {height, width, values};
}

/** Return between which pixels of an axis those of the resized one lie, and how far on. */
function places(before, after) {
  return Array.from({length: after}, (_, k) => {
    const place = Math.min(before - 1, Math.max(0, ((k + 0.5) * before) / after - 0.5));
    return {low: Math.floor(place), far: place % 1};
  });
}

/** Return each row's pixels at and after each place, smoothed; the edge goes on. */
function sampled({height, width, values}, places, bell) {
  const wanted = places.flatMap(({low}) => [low, Math.min(low + 1, width - 1)]);
  const reach = (bell.length - 1) / 2, result = new Float32Array(height * wanted.length);
  for (let y = 0, k = 0; y < height; y++)
    for (const x of wanted) {
      let sum = 0;
      for (let n = 0; n < bell.length; n++) {
        const u = Math.min(width - 1, Math.max(0, x - reach + n));
        sum += bell[n] * values[y * width + u];
      }
      result[k++] = sum;
    }
  return {height, width: wanted.length, values: result};
}

function transposed({height, width, values}) {
  const result = new Float32Array(values.length);
  for (let y = 0, k = 0; y < height; y++)
    for (let x = 0; x < width; x++) result[x * height + y] = values[k++];
  return {height: width, width: height, values: result};
}

/** Return the weights of a Gaussian, four standard deviations to each side. */
function gaussian(sigma) {
  const reach = Math.floor(4 * sigma + 0.5);
  const bell = Array.from({length: 2 * reach + 1}, (_, k) =>
    k === reach ? 1 : Math.exp(-0.5 * ((k - reach) / sigma) ** 2));
  const sum = bell.reduce((a, b) => a + b);
  return bell.map((weight) => weight / sum);
}

// ---- Contrast: CLAHE as scikit-image has it, then gamma ----

const TILES = 8; // along each side
const GREYS = 2 ** 14; // levels in which CLAHE computes
const BINS = 256; // of each tile's histogram
const CLIP = 2 / 256; // the largest share of a tile's pixels in one bin

/** Equalise the contrast of a layer tile by tile, with each histogram clipped. */
function clahe({height, width, values}) {
  const greys = stretched(values.map((v) => round(f32(v * 65535))), GREYS - 1).map(round);
  const bins = greys.map((grey) => Math.floor(grey / (1 + GREYS / BINS)));
  const [tall, wide] = [height, width].map((side) => Math.ceil(side / TILES));
  const [rows, columns] = [Math.ceil(height / tall), Math.ceil(width / wide)];
  const maps = []; // for each tile, row by row: which grey a bin becomes
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const histogram = new Int32Array(BINS);
      for (let y = row * tall; y < (row + 1) * tall; y++)
        for (let x = column * wide; x < (column + 1) * wide; x++)
          histogram[bins[mirrored(y, height) * width + mirrored(x, width)]]++;
      maps.push(equalising(histogram, tall * wide));
    }
  const result = new Float32Array(values.length);
  for (let y = 0, k = 0; y < height; y++) {
    const [up, down, low] = neighbours(y, tall, rows);
    for (let x = 0; x < width; x++, k++) {
      const [left, right, far] = neighbours(x, wide, columns);
      const mapped = (row, column) => maps[row * columns + column][bins[k]];
      const between = (row) => mapped(row, left) * (1 - far) + mapped(row, right) * far;
      result[k] = Math.floor(between(up) * (1 - low) + between(down) * low);
    }
  }
  return {height, width, values: stretched(result, 1)};
}

/** Stretch values to the range from 0 to a top; constant ones are cut off there. */
function stretched(values, top) {
  let least = Infinity, most = -Infinity;
  for (const v of values) {
    least = Math.min(least, v);
    most = Math.max(most, v);
  }
  if (least === most) return values.map((v) => Math.min(top, v));
  return Float64Array.from(values, (v) => ((v - least) / (most - least)) * top);
}

/** Mirror a place beyond the end back into a side; the last pixel is not repeated. */
const mirrored = (place, side) => (place < side ? place : 2 * (side - 1) - place);

/** Return the tiles whose middles lie before and after a place, and how far it is on. */
function neighbours(place, size, count) {
  const along = place + Math.floor(size / 2), tile = Math.floor(along / size);
  const inside = (n) => Math.min(count - 1, Math.max(0, n));
  return [inside(tile - 1), inside(tile), (along % size) / size];
}

/** Return which grey each bin of a tile becomes: the share of pixels up to it. */
function equalising(histogram, pixels) {
  clip(histogram, Math.max(1, Math.floor(CLIP * pixels)));
  let sum = 0;
  return histogram.map((count) =>
    Math.min(GREYS - 1, Math.floor((sum += count) * ((GREYS - 1) / pixels))));
}

/** Cut what exceeds a limit off a histogram and share it out among all bins. */
function clip(histogram, limit) {
  let excess = 0;
  const fill = (bin, to) => {
    excess += histogram[bin] - to;
    histogram[bin] = to;
  };
  for (let bin = 0; bin < BINS; bin++) if (histogram[bin] > limit) fill(bin, limit);
  const share = Math.floor(excess / BINS);
  for (let bin = 0; bin < BINS; bin++)
    if (histogram[bin] < limit - share) fill(bin, histogram[bin] + share);
  for (let bin = 0; bin < BINS; bin++)
    if (histogram[bin] >= limit - share && histogram[bin] < limit) fill(bin, limit);
  for (let before = 0; excess > 0 && excess !== before; ) {
    before = excess;
    for (let start = 0; start < BINS && excess > 0; start++) {
      const room = histogram.reduce((sum, count) => sum + (count < limit), 0);
      const step = Math.max(1, Math.floor(room / excess));
      for (let bin = start; bin < BINS; bin += step)
        if (histogram[bin] < limit) fill(bin, histogram[bin] + 1);
    }
  }
}

/** Brighten: raise grey values to the power 1 / 1.2. */
function gamma({height, width, values}) {
  return {height, width, values: Float32Array.from(values, (v) => v ** (1 / 1.2))};
}
