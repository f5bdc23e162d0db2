// The viewer: slices with masks and names, and the masks in three dimensions.
const VERTEBRAE = DATA.case.vertebrae;

// NiiVue's millimetres run to the right, anterior and superior; versectl's to the left, posterior.
const toRAS = ([x, y, z]) => [-x, -y, z];
const toLPS = ([x, y, z]) => [-x, -y, z];

async function unpacked(id) {
  const bytes = Uint8Array.from(atob(byId(id).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).blob();
}

async function loadNiivue() {
  const script = new Blob([await unpacked("niivue")], { type: "text/javascript" });
  const address = URL.createObjectURL(script);
  try {
    return await import(address);
  } finally {
    URL.revokeObjectURL(address);
  }
}

const colours = {
  R: [0, ...VERTEBRAE.map((v) => v.rgb[0])],
  G: [0, ...VERTEBRAE.map((v) => v.rgb[1])],
  B: [0, ...VERTEBRAE.map((v) => v.rgb[2])],
  A: [0, ...VERTEBRAE.map(() => 255)],
  I: [0, ...VERTEBRAE.map((v) => v.label)],
  labels: ["", ...VERTEBRAE.map((v) => v.name)],
};

// Where each layout has its planes: left, top, width, height, as shares.
const LAYOUTS = {
  all: [["sagittal", [0, 0, 0.38, 1]], ["coronal", [0.38, 0, 0.3, 1]], ["axial", [0.68, 0, 0.32, 0.42]]], // the rest is 3-D
  sagittal: [["sagittal", [0, 0, 1, 1]]],
  coronal: [["coronal", [0, 0, 1, 1]]],
  axial: [["axial", [0, 0, 1, 1]]],
  solid: [],
};

// Width of the crosshair where planes are smallest; thinner lines vanish between pixels.
const LINE_PX = 1.3;

const PLANES = { axial: 0, coronal: 1, sagittal: 2 };

// Names stand beside the bone: so far anterior in sagittal, to the left in coronal planes.
const BESIDE_MM = { 1: [38, 0, 0], 2: [0, 34, 0] };
const NEAR_MM = 14;

const swizzled = ([x, y, z], plane) => (plane === 1 ? [x, z, y] : plane === 2 ? [y, z, x] : [x, y, z]);

// Names keep so far within their plane.
const EDGE_PX = 15;

// Where a point (RAS, mm) lies on a drawn plane, in pixels of the page, and how far off it is.
function onPlane(slice, point, at, ratio) {
  const [across, up, along] = swizzled(point, slice.axCorSag);
  let [left, top, width, height] = slice.leftTopWidthHeight;
  let fraction = (across - slice.leftTopMM[0]) / slice.fovMM[0];
  if (width < 0) {
    left += width;
    width = -width;
    fraction = 1 - fraction;
  }
  const x = (left + fraction * width) / ratio;
  const y = (top + (1 - (up - slice.leftTopMM[1]) / slice.fovMM[1]) * height) / ratio;
  const inside = x >= left / ratio && x <= (left + width) / ratio && y >= top / ratio && y <= (top + height) / ratio;
  const within = Math.min(Math.max(x, left / ratio + EDGE_PX), (left + width) / ratio - EDGE_PX);
  return { x, y, inside, within, away: Math.abs(along - swizzled(at, slice.axCorSag)[2]) };
}

// Letters at both ends of each plane's horizontal axis, the lower end (RAS) first.
const ENDS = { 0: ["L", "R"], 1: ["L", "R"], 2: ["P", "A"] };

function directions(nv, at, ratio) {
  return nv.screenSlices.flatMap((slice) => {
    const letters = ENDS[slice.axCorSag];
    if (!letters) return [];
    const axis = slice.axCorSag === 2 ? 1 : 0;
    return [0, 1].map((end) => {
      const across = slice.leftTopMM[0] + end * slice.fovMM[0];
      const spot = onPlane(slice, at.map((value, i) => (i === axis ? across : value)), at, ratio);
      const [left, , width] = slice.leftTopWidthHeight;
      const inwards = spot.x * ratio < Math.min(left, left + width) + Math.abs(width) / 2 ? 9 : -9;
      const shown = make("b", { textContent: letters[Number(slice.fovMM[0] > 0 === (end === 1))] });
      Object.assign(shown.style, { left: `${spot.x + inwards}px`, top: `${(slice.leftTopWidthHeight[1] + slice.leftTopWidthHeight[3]) / ratio - 10}px` });
      return shown;
    });
  });
}

function drawNames(nv) {
  const shown = [];
  const at = nv.frac2mm(nv.scene.crosshairPos);
  const ratio = nv.canvas.width / nv.canvas.clientWidth;
  for (const slice of nv.screenSlices.filter((one) => one.axCorSag === 1 || one.axCorSag === 2)) {
    VERTEBRAE.forEach((vertebra, place) => {
      const point = toRAS(vertebra.center_mm);
      const dot = onPlane(slice, point, at, ratio);
      if (!dot.inside) return;
      const text = onPlane(slice, point.map((value, axis) => value + BESIDE_MM[slice.axCorSag][axis]), at, ratio);
      const kind = `${dot.away > NEAR_MM ? "far" : ""} ${place === VIEW.at ? "here" : ""}`;
      const mark = make("i", { className: kind });
      Object.assign(mark.style, { left: `${dot.x}px`, top: `${dot.y}px`, background: `rgb(${vertebra.rgb})` });
      const name = make("span", { className: kind, textContent: vertebra.name });
      Object.assign(name.style, { left: `${text.within}px`, top: `${dot.y}px`, color: `rgb(${vertebra.rgb.map((part) => Math.round(110 + part * 0.57))})` });
      shown.push(mark, name);
    });
  }
  byId("names").replaceChildren(...(byId("show-names").checked ? shown : []), ...directions(nv, at, ratio));
}

// Names are drawn whenever the planes are.
function afterDrawing(nv, action) {
  const drawScene = nv.drawScene.bind(nv);
  nv.drawScene = () => {
    const drawn = drawScene();
    action(nv);
    return drawn;
  };
}

const nearest = (at) => {
  const far = VERTEBRAE.map((v) => Math.hypot(...v.center_mm.map((value, axis) => value - at[axis])));
  const place = far.indexOf(Math.min(...far));
  return far[place] < 25 ? VERTEBRAE[place] : null;
};

async function volume(NVImage, id, settings) {
  return NVImage.loadFromBase64({ base64: byId(id).textContent, name: `${id}.nii.gz`, ...settings });
}

async function slices({ Niivue, NVImage }) {
  const nv = new Niivue({
    isRadiologicalConvention: true, sagittalNoseLeft: true, isSliceMM: true, backColor: [0, 0, 0, 1], crosshairColor: [1, 0.85, 0.2, 0.7],
    crosshairWidthUnit: "mm", crosshairGap: 6, isColorbar: false, dragAndDropEnabled: false, show3Dcrosshair: true, isOrientationTextVisible: false, loadingText: "", logLevel: "silent",
  });
  await nv.attachToCanvas(byId("slices"));
  nv.addVolume(await volume(NVImage, "ct", { colormap: "gray", cal_min: -300, cal_max: 1100 }));
  const masks = await volume(NVImage, "masks", { opacity: byId("opacity").valueAsNumber });
  masks.setColormapLabel(colours);
  nv.addVolume(masks);
  return nv;
}

async function solid({ Niivue, NVImage }) {
  const nv = new Niivue({ backColor: [0, 0, 0, 1], sliceType: 4, isColorbar: false, dragAndDropEnabled: false, show3Dcrosshair: true,
    crosshairColor: [1, 0.85, 0.2, 1], isOrientationTextVisible: false, loadingText: "", logLevel: "silent" });
  await nv.attachToCanvas(byId("solid"));
  const masks = await volume(NVImage, "masks", {});
  masks.setColormapLabel(colours);
  nv.addVolume(masks);
  nv.setSliceType(4);
  nv.setRenderAzimuthElevation(245, 10);
  if (nv.setVolumeRenderIllumination) await nv.setVolumeRenderIllumination(0.6);
  return nv;
}

function moveTo(nv, point) {
  nv.scene.crosshairPos = nv.mm2frac(toRAS(point), 0, true);
  nv.createOnLocationChange();
  nv.drawScene();
}

function lay(nv) {
  const layout = byId("layout").value;
  byId("viewer").dataset.layout = layout;
  nv.setCustomLayout(LAYOUTS[layout].map(([plane, position]) => ({ sliceType: PLANES[plane], position })));
  const scales = nv.screenSlices.map((slice) => Math.abs(slice.fovMM[0] / slice.leftTopWidthHeight[2]));
  if (scales.length) nv.setCrosshairWidth(LINE_PX * Math.max(...scales));
}

function setWindow(nv) {
  const center = byId("center").valueAsNumber, width = byId("width").valueAsNumber;
  byId("center-hu").value = `${center} HU`;
  byId("width-hu").value = `${width} HU`;
  nv.volumes[0].cal_min = center - width / 2;
  nv.volumes[0].cal_max = center + width / 2;
  nv.updateGLVolume();
}

function connectWindow(nv) {
  if (!byId("preset")) return;
  byId("preset").addEventListener("change", () => {
    if (byId("preset").value) [byId("center").value, byId("width").value] = byId("preset").value.split(" ");
    setWindow(nv);
  });
  for (const id of ["center", "width"])
    byId(id).addEventListener("input", () => {
      byId("preset").value = "";
      setWindow(nv);
    });
  setWindow(nv);
}

function connect(nv, nv3) {
  const setMasks = (opacity) => nv.setOpacity(1, opacity);
  let hidden = false;
  byId("opacity").addEventListener("input", () => ((hidden = false), setMasks(byId("opacity").valueAsNumber)));
  byId("show-names").addEventListener("change", () => nv.drawScene());
  byId("layout").addEventListener("change", () => lay(nv));
  nv.onLocationChange = (found) => {
    const at = toLPS(found.mm);
    const near = nearest(at);
    const hounsfield = DATA.case.has_ct ? `, ${Math.round(found.values[0].value)} HU` : "";
    byId("place").value = `${at.slice(0, 3).map((value) => value.toFixed(0)).join(", ")} mm (L, P, S)${hounsfield}${near ? `, near ${near.name}` : ""}`;
    nv3.scene.crosshairPos = [...nv.scene.crosshairPos];
    nv3.drawScene();
  };
  VIEW.go = (place) => moveTo(nv, VERTEBRAE[place].center_mm);
  VIEW.toggle = () => {
    hidden = !hidden;
    setMasks(hidden ? 0 : byId("opacity").valueAsNumber);
  };
  connectWindow(nv);
}

function fail(message) {
  byId("viewer").dataset.state = "failed";
  document.querySelector(".views").replaceChildren(make("p", { className: "wait", textContent: message }));
  for (const picture of document.querySelectorAll("#picture details")) picture.open = true;
}

async function start() {
  if (!document.createElement("canvas").getContext("webgl2"))
    return fail("This browser has no WebGL 2, which the viewer needs; the preview below shows the case.");
  if (!window.DecompressionStream) return fail("This browser is too old for the viewer; the preview below shows the case.");
  const niivue = await loadNiivue();
  const nv = await slices(niivue);
  const nv3 = await solid(niivue);
  afterDrawing(nv, drawNames);
  connect(nv, nv3);
  lay(nv);
  window.versectlViewer = { nv, nv3 }; // for a browser's console
  go(Math.max(VIEW.at, VIEW.at < 0 ? VERTEBRAE.length >> 1 : 0));
  byId("viewer").dataset.state = "ready";
}

start().catch((error) => fail(`The viewer could not start (${error.message}); the preview below shows the case.`));
