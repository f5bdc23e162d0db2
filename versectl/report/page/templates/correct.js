// New labels: a shift of all, as versectl relabel has it, or other names for some.
const FIX = DATA.correction;
const NOW = FIX.points.map((point) => point.label);
let by = 0;
let wantedLabels = [...NOW];

const choices = FIX.points.map((point, place) => {
  const select = make("select", { ariaLabel: `New label of ${FIX.names[point.label]}` });
  select.append(...FIX.order.map((label) => make("option", { value: label, textContent: FIX.names[label] })));
  select.addEventListener("change", () => {
    wantedLabels[place] = Number(select.value);
    by = null;
    show();
  });
  const item = make("li", {}, `${FIX.names[point.label]} is `, select);
  byId("renames").append(item);
  return { select, item };
});

const changed = () => NOW.flatMap((label, place) => (label === wantedLabels[place] ? [] : [[label, wantedLabels[place]]]));
const doubled = () => wantedLabels.filter((label, place) => wantedLabels.indexOf(label) !== place);
const signed = (value) => (value > 0 ? `+${value}` : String(value));

function shift(step) {
  const next = (by ?? 0) + step;
  if (!FIX.shifts[next]) return;
  by = next;
  wantedLabels = [...FIX.shifts[next]];
  show();
}

function command() {
  if (by) return `${FIX.command} --shift ${signed(by)}`;
  return [FIX.command, ...changed().map(([old, other]) => `--set ${FIX.names[old]}=${FIX.names[other]}`)].join(" ");
}

function show() {
  const twice = doubled();
  choices.forEach(({ select, item }, place) => {
    select.value = wantedLabels[place];
    item.classList.toggle("changed", wantedLabels[place] !== NOW[place]);
    item.classList.toggle("clash", twice.includes(wantedLabels[place]));
  });
  byId("shift").value = by === null ? "own labels" : by ? `${signed(by)} ${Math.abs(by) === 1 ? "level" : "levels"}` : "no shift";
  for (const button of document.querySelectorAll("[data-shift]")) button.disabled = !FIX.shifts[(by ?? 0) + Number(button.dataset.shift)];
  byId("clash").hidden = !twice.length;
  byId("clash").textContent = twice.length ? `Two vertebrae would be ${twice.map((label) => FIX.names[label]).join(" and ")}; change the other one as well.` : "";
  const count = changed().length;
  byId("save").disabled = !count || !!twice.length;
  byId("how").hidden = byId("save").disabled;
  byId("save-where").textContent = count ? `${count} of ${NOW.length} labels change.` : "No label is changed yet.";
  byId("command").textContent = command();
}

// VerSe's centroid format, from head to foot, as localize-vertebrae writes it.
function centroidFile() {
  const points = FIX.points.map((point, place) => ({ label: wantedLabels[place], at: point.at }));
  points.sort((a, b) => FIX.order.indexOf(a.label) - FIX.order.indexOf(b.label));
  const entries = [{ direction: FIX.direction }, ...points.map(({ label, at: [X, Y, Z] }) => ({ label, X, Y, Z }))];
  return `[\n${entries.map((entry) => ` ${JSON.stringify(entry)}`).join(",\n")}\n]\n`;
}

for (const button of document.querySelectorAll("[data-shift]")) button.addEventListener("click", () => shift(Number(button.dataset.shift)));
byId("reset").addEventListener("click", () => {
  by = 0;
  wantedLabels = [...NOW];
  show();
});
byId("save").addEventListener("click", () => save(`${NAME}_ctd.json`, centroidFile()));
byId("copy").addEventListener("click", () => {
  getSelection().selectAllChildren(byId("command"));
  document.execCommand("copy"); // the clipboard's newer interface asks for a secure address
});
show();
