// Verdicts and comments of this browser, kept per batch; how they are exported and imported.
"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);

const byId = (id) => document.getElementById(id);

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

const VERDICTS = {
  key: `versectl verdicts ${DATA.batch.id}`,
  all() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) || {};
    } catch {
      return {};
    }
  },
  of(name) {
    return Object.hasOwn(this.all(), name) ? this.all()[name] : null;
  },
  set(name, verdict) {
    const all = this.all();
    if (verdict) put(all, name, verdict);
    else delete all[name];
    this.keep(all);
  },
  keep(all) {
    try {
      localStorage.setItem(this.key, JSON.stringify(all));
    } catch {
      alert("This browser keeps nothing for this page: export the verdicts before you leave it.");
    }
  },
  export() {
    const all = this.all();
    const content = {
      schema_version: 1,
      batch: DATA.batch.title,
      exported: new Date().toISOString(),
      versectl: DATA.batch.version,
      verdicts: Object.keys(all).sort().map((name) => ({ case: name, ...all[name] })),
    };
    save(`${DATA.batch.title}_verdicts.json`, JSON.stringify(content, null, 1) + "\n");
  },
  // Takes over what an exported file says of the cases of this page; of two verdicts on a case the
  // later one stays. Returns what came of it, in words.
  import(text) {
    const given = readVerdicts(text);
    if (!given) return "This is no file of exported verdicts; nothing was imported.";
    const here = new Set((DATA.cases || [DATA.case]).map((found) => found.name));
    const known = given.filter(([name]) => here.has(name));
    const all = this.all();
    const later = known.filter(([name, found]) => !(this.of(name) && Date.parse(this.of(name).time) > Date.parse(found.time)));
    for (const [name, found] of later) put(all, name, found);
    this.keep(all);
    dispatchEvent(new Event("storage")); // the page shows them, as those of another window
    const parts = [`${later.length} imported`];
    if (known.length > later.length) parts.push(`${known.length - later.length} older than those here`);
    if (given.length > known.length) parts.push(`${given.length - known.length} on cases that this page does not show`);
    return `${parts.join(", ")}.`;
  },
};

// Any name can be a case's, "__proto__" too.
function put(all, name, verdict) {
  Object.defineProperty(all, name, { value: verdict, enumerable: true, configurable: true });
}

// The pairs of a case's name and its verdict in the text of an exported file; null if it is none.
function readVerdicts(text) {
  try {
    return JSON.parse(text).verdicts.map((found) => {
      const { case: name, verdict, comment, time, report_sha256 } = found;
      const texts = [name, comment, time, report_sha256].every((value) => typeof value === "string");
      if (!texts || !["pass", "fail", "unsure", null].includes(verdict) || Number.isNaN(Date.parse(time))) throw new TypeError("no verdict");
      return [name, { verdict, comment, time, report_sha256 }];
    });
  } catch {
    return null;
  }
}

function save(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// Keys act unless something is typed, or the browser is meant.
function onKeys(actions) {
  addEventListener(
    "keydown",
    (event) => {
      const typing = event.target.matches("textarea, select, input:not([type=range], [type=checkbox])");
      const action = Object.hasOwn(actions, event.key) ? actions[event.key] : null;
      if (!action || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation(); // the viewer has keys of its own
      action();
    },
    true,
  );
}

byId("export").addEventListener("click", () => VERDICTS.export());
byId("import").addEventListener("click", () => byId("import-file").click());
byId("import-file").addEventListener("change", async ({ target }) => {
  if (target.files.length) byId("imported").value = VERDICTS.import(await target.files[0].text());
  target.value = ""; // the same file can be chosen again
});
