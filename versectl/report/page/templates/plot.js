// A dot per vertebra: levels across, a measure upwards. A click opens the case.
const SVG = "http://www.w3.org/2000/svg";
const SIZE = { width: 1100, height: 330, left: 56, right: 8, top: 10, bottom: 26 };

function shape(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

// Round steps for an axis, from one at or below the lowest value to one at or above the highest.
function ticks(low, high) {
  const rough = (high - low) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((found) => found >= rough);
  const first = Math.floor(low / step + 1e-9), last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(6)));
}

const withUnit = (value, measure) => `${Number(value.toPrecision(4))}${measure.unit ? ` ${measure.unit}` : ""}`;

function byLevel(measure) {
  const groups = new Map();
  for (const point of measure.points) {
    if (!groups.has(point[1])) groups.set(point[1], []);
    groups.get(point[1]).push(point);
  }
  return groups;
}

function draw(id, measure, levels) {
  const values = measure.points.map((point) => point[2]);
  const lowest = Math.min(0, ...values);
  const marks = ticks(lowest, Math.max(...values, lowest + 1e-9));
  const low = marks[0], high = marks.at(-1);
  const { width, height, left, right, top, bottom } = SIZE;
  const step = (width - left - right) / levels.length;
  const y = (value) => height - bottom - ((value - low) / (high - low)) * (height - top - bottom);
  const many = measure.points.length > 2000 ? "many" : "";
  const svg = shape("svg", { class: many, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${measure.title} of every vertebra by level` });
  for (const tick of marks) {
    svg.append(shape("line", { x1: left, x2: width - right, y1: y(tick), y2: y(tick) }));
    svg.append(shape("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, String(tick)));
  }
  const groups = byLevel(measure);
  levels.forEach(([label, name], place) => {
    const middle = left + (place + 0.5) * step;
    svg.append(shape("text", { x: middle, y: height - 8, "text-anchor": "middle" }, name));
    const points = groups.get(label) || [];
    if (!points.length) return;
    const half = median(points.map((point) => point[2]));
    svg.append(shape("line", { class: "median", x1: middle - step * 0.36, x2: middle + step * 0.36, y1: y(half), y2: y(half) }));
    for (const [number, , value, border] of points) {
      const aside = (((number * 0.618034) % 1) - 0.5) * step * 0.56; // the same place in every figure
      const dot = shape("circle", { cx: middle + aside, cy: y(value), r: 3.4, class: border ? "border" : "" });
      dot.dataset.place = number;
      dot.append(shape("title", {}, `${DATA.cases[number].name}, ${name}: ${withUnit(value, measure)}`));
      svg.append(dot);
    }
  });
  svg.addEventListener("click", (event) => {
    const dot = event.target.closest("circle");
    if (dot) location.href = DATA.cases[dot.dataset.place].link;
  });
  byId(id).replaceChildren(svg);
  byId(`${id}-farthest`).replaceChildren(...farthest(measure, levels, groups));
}

// The values that are farthest from their level's median, in median deviations: what a keyboard
// reaches as well.
function farthest(measure, levels, groups) {
  const names = new Map(levels);
  const found = [];
  for (const [label, points] of groups) {
    if (points.length < 5) continue;
    const half = median(points.map((point) => point[2]));
    const usual = median(points.map((point) => Math.abs(point[2] - half)));
    for (const [number, , value] of points)
      if (usual > 0 && Math.abs(value - half) > 4 * usual) found.push({ number, label, value, away: Math.abs(value - half) / usual });
  }
  found.sort((a, b) => b.away - a.away);
  if (!found.length) return ["No value is farther than 4 median deviations from the median of its level (levels with 5 cases or more)."];
  return [
    "Farthest from their level: ",
    ...found.slice(0, 8).flatMap(({ number, label, value }) => [
      make("a", { href: DATA.cases[number].link, textContent: `${DATA.cases[number].name} ${names.get(label)}` }),
      ` (${withUnit(value, measure)}) `,
    ]),
  ];
}

// A figure with a button per measure.
function figure(id, { measures, levels }) {
  const shown = measures.filter((measure) => measure.points.length);
  const buttons = shown.map((measure) =>
    make("button", { type: "button", textContent: measure.unit ? `${measure.title} (${measure.unit})` : measure.title }),
  );
  const choose = (place) => {
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === place)));
    draw(id, shown[place], levels);
  };
  buttons.forEach((button, place) => button.addEventListener("click", () => choose(place)));
  byId(`${id}-choices`).replaceChildren(...buttons);
  if (shown.length) choose(0);
}
