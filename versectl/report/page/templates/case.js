// Verdicts and keys of a case; going to a vertebra.
const NAME = DATA.case.name;
const LINES = [...document.querySelectorAll("#vertebrae tbody tr")];

// Set by the viewer: go(place of the vertebra), toggle() the masks.
const VIEW = { go: null, toggle: null, at: -1 };

function go(place) {
  if (!LINES.length) return;
  VIEW.at = Math.min(Math.max(place, 0), LINES.length - 1);
  LINES.forEach((line, i) => line.classList.toggle("here", i === VIEW.at));
  if (VIEW.go) VIEW.go(VIEW.at);
}

function showVerdict() {
  const found = VERDICTS.of(NAME);
  for (const button of document.querySelectorAll("[data-verdict]"))
    button.setAttribute("aria-pressed", String(!!found && found.verdict === button.dataset.verdict));
  const earlier = found && found.report_sha256 !== DATA.case.report_sha256 ? ", on an earlier result: judge this one again" : "";
  byId("verdict-now").textContent = found ? `${found.verdict}, ${new Date(found.time).toLocaleString()}${earlier}.` : "None yet.";
  if (document.activeElement !== byId("comment")) byId("comment").value = found ? found.comment : "";
}

// The same verdict twice takes it back.
function judge(verdict) {
  const found = VERDICTS.of(NAME);
  const same = found && found.verdict === verdict && found.report_sha256 === DATA.case.report_sha256;
  VERDICTS.set(NAME, same ? null : record(verdict));
  showVerdict();
}

const record = (verdict) => ({
  verdict,
  comment: byId("comment").value,
  time: new Date().toISOString(),
  report_sha256: DATA.case.report_sha256,
});

const follow = (id) => () => byId(id) && byId(id).click();

for (const button of document.querySelectorAll("[data-verdict]")) button.addEventListener("click", () => judge(button.dataset.verdict));
byId("comment").addEventListener("change", () => {
  const found = VERDICTS.of(NAME);
  if (found) VERDICTS.set(NAME, { ...found, comment: byId("comment").value });
});
for (const button of document.querySelectorAll("#vertebrae button")) button.addEventListener("click", () => go(Number(button.dataset.place)));
for (const button of document.querySelectorAll("[data-go]"))
  button.addEventListener("click", () => go(DATA.case.vertebrae.findIndex((vertebra) => vertebra.name === button.dataset.go)));
onKeys({
  p: () => judge("pass"),
  f: () => judge("fail"),
  u: () => judge("unsure"),
  n: follow("next"),
  b: follow("previous"),
  j: () => go(VIEW.at + 1),
  k: () => go(VIEW.at - 1),
  m: () => VIEW.toggle && VIEW.toggle(),
});
addEventListener("storage", showVerdict);
addEventListener("pageshow", showVerdict);
