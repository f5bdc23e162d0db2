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
  byId("verdict-now").textContent = found && found.verdict ? described(found) : "None yet.";
  if (document.activeElement !== byId("comment")) byId("comment").value = found ? found.comment : "";
}

const isOnThis = (found) => found.report_sha256 === DATA.case.report_sha256;

function described(found) {
  const earlier = isOnThis(found) ? "" : ", on an earlier result: judge this one again";
  return `${found.verdict}, ${new Date(found.time).toLocaleString()}${earlier}.`;
}

// The same verdict twice takes it back.
function judge(verdict) {
  const found = VERDICTS.of(NAME);
  record(found && found.verdict === verdict && isOnThis(found) ? null : verdict, DATA.case.report_sha256);
  showVerdict();
}

// A comment is kept without a verdict, too, and then has the verdict null.
function record(verdict, report_sha256) {
  const comment = byId("comment").value;
  VERDICTS.set(NAME, verdict || comment ? { verdict, comment, time: new Date().toISOString(), report_sha256 } : null);
}

const follow = (id) => () => byId(id) && byId(id).click();

for (const button of document.querySelectorAll("[data-verdict]")) button.addEventListener("click", () => judge(button.dataset.verdict));
byId("comment").addEventListener("input", () => {
  const found = VERDICTS.of(NAME);
  if (found && found.verdict) record(found.verdict, found.report_sha256);
  else record(null, DATA.case.report_sha256);
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
