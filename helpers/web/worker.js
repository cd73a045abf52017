// The work beside the page: the network runs here, and the page can be used meanwhile.
// ONNX Runtime Web (`ort`), fov.js and prepare.js stand before this in one script.
"use strict";

let session; // a promise of the network
let known; // pixels across the field of view in the photographs that it learnt from

/** Take the first message, the network and its runtime; then one photograph a message. */
onmessage = async ({data}) => {
  try {
    if (data.network) {
      known = data.known;
      session = start(data);
      await session;
      return;
    }
    const seen = look(data, known), {input, fov, isDisc} = seen;
    const [{height, width}] = input, values = new Float32Array(4 * height * width);
    input.forEach((layer, k) => values.set(layer.values, k * height * width));
    const image = new ort.Tensor("float32", values, [1, 4, height, width]);
    const {logits} = await (await session).run({image});
    const probs = broughtBack(logits.data, seen);
    postMessage({probs, fov: fov.on, isDisc}, [probs.buffer, fov.on.buffer]);
  } catch (error) {
    postMessage({error: String(error)});
  }
};

async function start({runtime, network}) {
  const code = new Blob([await unpacked(runtime)], {type: "application/wasm"});
  const address = URL.createObjectURL(code); // not a file: a page from disk reads none
  ort.env.wasm.numThreads = 1; // more need a server
  ort.env.wasm.wasmPaths = {"ort-wasm-simd.wasm": address};
  const options = {executionProviders: ["wasm"]};
  return ort.InferenceSession.create(await unpacked(network), options);
}

/** Return the bytes of a gzipped file in base64. */
async function unpacked(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const bytes = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(bytes).arrayBuffer());
}
