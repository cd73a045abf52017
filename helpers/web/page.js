// What the reader sees and does; the work is the worker's.
"use strict";

const MOST = 40e6; // pixels of a photograph, as helpers/pictures.py
const LEAST = 64; // pixels a side
const SKY = [86, 180, 233];

const get = (id) => document.getElementById(id);
const canvas = get("picture"), pencil = canvas.getContext("2d", {willReadFrequently: true});
const worker = new Worker(URL.createObjectURL(new Blob([get("worker").textContent])));
let name = ""; // of the photograph
let photo = null; // what the canvas held before anything was drawn on it
let found = null; // {probs, fov} of this photograph
let started = 0;

// ---- Words: both languages stand in the page, and CSS hides one ----

/** Put a sentence in both languages into an element. */
function say(id, english, chinese) {
  get(id).replaceChildren(...[["en", english], ["zh-CN", chinese]].map(([lang, text]) =>
    Object.assign(document.createElement("span"), {lang, textContent: text})));
}

/** Show the page in one language, and the name of the other one on the button. */
function speak(isChinese) {
  const [mine, other] = isChinese ? ["zh-CN", "en"] : ["en", "zh-CN"];
  document.documentElement.lang = mine;
  document.title = document.querySelector(`h1 [lang=${mine}]`).textContent;
  const button = get("language");
  Object.assign(button, {lang: other, textContent: isChinese ? "English" : "中文"});
  button.onclick = () => speak(!isChinese);
}

speak(/^zh/i.test(navigator.language));

// ---- A photograph comes in ----

async function take(file) {
  if (!file) return;
  name = file.name;
  started = performance.now();
  get("file").disabled = true;
  get("result").hidden = true;
  say("said", `Looking at ${name} ...`, `正在处理 ${name} ……`);
  // Turned as EXIF says, but with the colours that stand in the file, as Python reads it:
  // a browser would bring them to the screen's range by the file's colour profile.
  const options = {colorSpaceConversion: "none"};
  const bitmap = await createImageBitmap(file, options).catch(() => null);
  if (!bitmap) {
    return refuse(
      `${name} cannot be read as a picture here. Browsers read no TIFF and no DICOM: export it as PNG or JPEG.`,
      `${name} 在这里读不成图像。浏览器不读 TIFF 和 DICOM：请导出成 PNG 或 JPEG。`);
  }
  const {width, height} = bitmap, size = `${width} × ${height}`;
  if (Math.min(width, height) < LEAST || width * height > MOST) {
    return refuse(
      `${name} has ${size} pixels. It needs ${LEAST} a side, and at most ${MOST / 1e6} million in all.`,
      `${name} 有 ${size} 像素。每边至少要 ${LEAST} 像素，总共最多 ${MOST / 1e4} 万像素。`);
  }
  Object.assign(canvas, {width, height});
  pencil.fillRect(0, 0, width, height); // black, where the photograph is transparent
  pencil.drawImage(bitmap, 0, 0);
  photo = pencil.getImageData(0, 0, width, height);
  worker.postMessage(photo);
}

function refuse(english, chinese) {
  get("file").disabled = false;
  say("said", english, chinese);
}

function fail(error) {
  refuse(
    `This did not work (${error}). A browser of 2023 or later is needed, and memory: close other pages, or shrink the photograph.`,
    `没有成功（${error}）。需要 2023 年以后的浏览器和足够的内存：请关掉其他网页，或者缩小照片。`);
}

worker.onerror = ({message}) => fail(message);
worker.onmessage = ({data}) => {
  if (data.error) return fail(data.error);
  found = data;
  get("file").disabled = false;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const doubt = data.isDisc ? ["", ""] : [
    " No lit disc was found, so the size of its vessels is a guess.",
    "没有找到亮圆盘，血管的粗细只能靠猜。",
  ];
  say("said", `${name}: done in ${seconds} s.${doubt[0]}`, `${name}：用了 ${seconds} 秒。${doubt[1]}`);
  get("result").hidden = false;
  draw();
};

// ---- What is shown ----

const VIEWS = { // what a pixel becomes: photograph, probability, whether it is a vessel
  overlay: (data, k, p, isVessel) => isVessel && tint(data, k),
  photograph: () => {},
  probability: (data, k, p) => grey(data, k, 255 * p),
  vessels: (data, k, p, isVessel) => grey(data, k, 255 * isVessel),
};

function tint(data, k) {
  for (let c = 0; c < 3; c++) data[4 * k + c] = 0.3 * data[4 * k + c] + 0.7 * SKY[c];
}

function grey(data, k, value) {
  data.fill(value, 4 * k, 4 * k + 3);
}

/** Return a view of the photograph as ImageData. */
function view(kind) {
  const picture = new ImageData(new Uint8ClampedArray(photo.data), photo.width);
  const limit = threshold(), paint = VIEWS[kind];
  found.probs.forEach((p, k) => paint(picture.data, k, p, p >= limit));
  return picture;
}

const threshold = () => Number(get("threshold").value);

function draw() {
  const limit = threshold();
  let vessels = 0, inside = 0;
  found.fov.forEach((on, k) => {
    inside += on;
    vessels += found.probs[k] >= limit;
  });
  const share = `${((100 * vessels) / inside).toFixed(1)}%`;
  get("limit").textContent = limit.toFixed(2);
  say("share", `vessels: ${share} of the field of view`, `血管占视野的 ${share}`);
  const chosen = document.querySelector("[name=view]:checked");
  pencil.putImageData(view(chosen.value), 0, 0);
}

let isDue = false;
function drawSoon() { // a slider moves faster than a large photograph is drawn
  if (!isDue) requestAnimationFrame(() => { isDue = false; draw(); });
  isDue = true;
}

// ---- The reader's hands ----

get("file").onchange = ({target}) => {
  take(target.files[0]).catch(fail);
  target.value = ""; // the same file can be chosen again
};
document.ondragover = (event) => event.preventDefault();
document.ondrop = (event) => {
  event.preventDefault();
  if (!get("file").disabled) take(event.dataTransfer.files[0]).catch(fail);
};
get("threshold").oninput = drawSoon;
for (const radio of document.getElementsByName("view")) radio.onchange = drawSoon;
get("save").onclick = () => {
  const map = canvas.cloneNode();
  map.getContext("2d").putImageData(view("vessels"), 0, 0);
  map.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${name.replace(/\.\w+$/, "")}_vessels.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }, "image/png");
};

const {known, threshold: usual} = JSON.parse(get("settings").textContent);
get("threshold").value = usual;
worker.postMessage({known, runtime: get("runtime").textContent, network: get("network").textContent});
