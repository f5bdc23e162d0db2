// The table of cases: verdicts, sorting, filters; then the figures.
const BODY = byId("cases").tBodies[0];
const ROWS = [...BODY.rows];

function showVerdicts() {
  for (const row of ROWS) {
    const { name, report_sha256 } = DATA.cases[row.dataset.place];
    const verdict = VERDICTS.of(name);
    const cell = row.querySelector(".verdict");
    const kind = { pass: "good", fail: "error", unsure: "warning" };
    cell.dataset.value = (verdict && verdict.verdict) || "";
    cell.replaceChildren();
    if (!verdict) continue;
    if (verdict.verdict) cell.append(make("span", { className: `badge ${kind[verdict.verdict] || ""}`, textContent: verdict.verdict }));
    if (verdict.report_sha256 !== report_sha256) cell.append(make("p", { className: "why", textContent: "on an earlier result" }));
    if (verdict.comment) cell.append(make("p", { className: "why", textContent: verdict.comment }));
  }
}

const wanted = {
  find: (row, text) => row.dataset.text.includes(text.trim().toLowerCase()),
  status: (row, value) => row.dataset.status === value,
  severity: (row, value) => ({ error: ["error"], warning: ["error", "warning"], none: ["", "note"] })[value].includes(row.dataset.severity),
  judged: (row, value) => row.querySelector(".verdict").dataset.value === (value === "none" ? "" : value),
};

function filter() {
  let count = 0;
  for (const row of ROWS) {
    row.hidden = !Object.entries(wanted).every(([id, fits]) => !byId(id).value || fits(row, byId(id).value));
    count += !row.hidden;
  }
  byId("shown").value = count === ROWS.length ? `${count} shown` : `${count} of ${ROWS.length} shown`;
}

const compare = new Intl.Collator("en", { numeric: true }).compare;

function sort(button) {
  const heading = button.parentElement;
  const downwards = heading.getAttribute("aria-sort") === "ascending";
  for (const other of byId("cases").querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", downwards ? "descending" : "ascending");
  const key = (row) => row.cells[heading.cellIndex].dataset.value;
  const sorted = [...ROWS].sort((a, b) => compare(key(a), key(b)) * (downwards ? -1 : 1));
  BODY.replaceChildren(...sorted);
}

byId("cases").tHead.addEventListener("click", (event) => event.target.closest("button") && sort(event.target.closest("button")));
byId("filters").addEventListener("input", filter);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
addEventListener("storage", () => (showVerdicts(), filter()));
addEventListener("pageshow", () => (showVerdicts(), filter()));
for (const id of ["measures", "accuracy"]) if (DATA[id] && byId(id)) figure(id, DATA[id]);
